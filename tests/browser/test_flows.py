"""Every flow from the login to the logout: with a mouse, without JavaScript, and by keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN
from tests.browser.states import in_days
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser

MOST_TABS = 60
NAME = """() => { const one = document.activeElement;
  return one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent.trim() ?? one.textContent.trim(); }"""


class Mouse:
    """Somebody who points and types."""

    def __init__(self, page):
        self.page = page

    def follow(self, name):
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def press(self, name):
        self.page.get_by_role("button", name=name).first.click()

    def fill(self, label, text):
        self.page.get_by_label(label, exact=True).fill(text)

    def fill_day(self, label, day):
        self.fill(label, day)

    def choose(self, label):
        self.page.get_by_label(label, exact=True).check()


class Keyboard(Mouse):
    """Somebody who has no mouse: who goes on with Tab, and never back."""

    def tab_to(self, name):
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(NAME).startswith(name):
                return
        raise AssertionError(f"Tab does not lead to {name}")

    def follow(self, name):
        self.tab_to(name)
        self.page.keyboard.press("Enter")

    def press(self, name):
        self.follow(name)

    def fill(self, label, text):
        if not self.page.evaluate(NAME).startswith(label):
            self.tab_to(label)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def fill_day(self, label, day):
        year, month, date = day.split("-")
        self.tab_to(label)
        self.page.keyboard.type(month + date + year)

    def choose(self, label):
        self.tab_to(label)
        self.page.keyboard.press("Space")


@pytest.fixture(params=["mouse", "keyboard", "mouse without JavaScript", "keyboard without JavaScript"])
def somebody(new_context, request):
    """Somebody with a page of their own, who answers yes to every question."""
    page = new_context(java_script_enabled="without" not in request.param, locale="en-US").new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    return Mouse(page) if request.param.startswith("mouse") else Keyboard(page)


def test_every_flow(somebody):
    page = somebody.page
    page.goto("/admin/me")
    said = page.get_by_role("status").first
    expect(said).to_have_text("Please log in to continue")
    fail_and_log_in(somebody)
    arrived(page, "My Info")
    somebody.follow("My sign-ins")
    arrived(page, "My sign-ins")
    make_tokens(somebody)
    end_them(somebody)
    say_who_one_is(somebody)
    write_notes(somebody)
    somebody.follow("Home")
    arrived(page, "Welcome, Annie")
    somebody.follow("My Info")
    arrived(page, "My Info")
    page.goto("/admin/me")
    somebody.press("Log out")
    expect(page.get_by_role("status").first).to_have_text("You are logged out")


def arrived(page, heading):
    """Wait until a page is there, and HTMX has given it the focus."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    settled(page)


def settled(page):
    """Wait until HTMX has done all that belongs to a swap."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")).to_have_count(0)


def fail_and_log_in(somebody):
    page = somebody.page
    somebody.fill("Password", "wrong")
    somebody.press("Log in")
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    settled(page)
    somebody.follow("Enter your email")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(ANN)
    somebody.fill("Password", "wrong")
    somebody.press("Log in")
    expect(alert).to_have_text("Incorrect username or password")
    expect(page.get_by_label("Email")).to_have_value(ANN)
    somebody.fill("Password", PASSWORD)
    somebody.press("Log in")


def make_tokens(somebody):
    page = somebody.page
    somebody.press("Make the token")
    expect(page.get_by_role("alert")).to_be_focused()
    for name in ("Nightly backup", "Printer", "Coffee machine"):
        somebody.fill("Name", name)
        somebody.choose("user:read")
        somebody.fill_day("Last day", in_days(30))
        somebody.press("Make the token")
        expect(page.get_by_role("heading", name="Your new token")).to_be_focused()
        expect(page.locator("li.row", has_text=name)).to_be_visible()


def end_them(somebody):
    page = somebody.page
    page.goto("/auth/sign-ins")
    somebody.press("End Printer")
    expect(page.get_by_role("status").first).to_have_text("That sign-in has ended")
    expect(page.locator("li.row")).to_have_count(3)
    arrived(page, "My sign-ins")
    somebody.press("End all others")
    expect(page.get_by_role("status").first).to_have_text("All other sign-ins have ended")
    expect(page.locator("li.row")).to_have_count(1)
    arrived(page, "My sign-ins")


def say_who_one_is(somebody):
    page = somebody.page
    page.goto("/admin/me")
    somebody.fill("Preferred name", "a" * 51)
    somebody.fill("About me", "Two words")
    somebody.press("Save")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("Preferred name", "Annie")
    somebody.press("Save")
    expect(page.get_by_role("status").first).to_have_text("Your details are saved")
    expect(page.locator("#who-name")).to_have_text("Annie")
    expect(page.locator("dd.lines")).to_have_text("Two words")


def write_notes(somebody):
    page = somebody.page
    page.goto("/notes")
    somebody.press("Add")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("New note", "Buy milk")
    somebody.press("Add")
    expect(page.get_by_role("status").first).to_have_text("The note is added")
    arrived(page, "Notes")
    somebody.follow("Edit “Buy milk”")
    expect(page.get_by_label("Note", exact=True)).to_be_focused()
    somebody.fill("Note", "Buy bread")
    somebody.press("Save")
    expect(page.get_by_role("status").first).to_have_text("The note is saved")
    arrived(page, "Notes")
    somebody.press("Delete “Buy bread”")
    expect(page.get_by_role("status").first).to_have_text("The note is deleted")
    arrived(page, "Notes")
