"""Passwords in a browser: change one, set one with a link, ask for a link, and the first start."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import states
from tests.browser.conftest import ANN, log_in
from tests.browser.test_flows import somebody  # noqa: F401  the fixture
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser

NEW = "seven green umbrellas sing"


@pytest.fixture(scope="module")
def shared_site(start_site):
    """A server that has a mail server, at which nobody answers."""
    return start_site(SMTP_URL="smtp://127.0.0.1:9?tls=none", MAIL_FROM="latchkey@example.com")


def test_change_password(somebody):  # noqa: F811
    page = somebody.page
    log_in(page.context, ANN)
    page.goto("/admin/me")
    somebody.follow("Change password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change password")
    somebody.fill("Current password", "wrong")
    somebody.fill("New password", NEW)
    somebody.press("Change password")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title("Error: Change password – Latchkey")
    somebody.follow("This is not your current password")
    expect(page.get_by_label("Current password", exact=True)).to_be_focused()
    page.keyboard.type(PASSWORD)
    somebody.fill("New password", NEW)
    somebody.press("Change password")
    expect(page.get_by_role("status").first).to_contain_text("every other sign-in of yours has ended")
    expect(page.locator("li.row")).to_have_count(1)


def test_set_a_password_with_a_link(somebody):  # noqa: F811
    page = somebody.page
    states.link(page)
    expect(page).to_have_url("/auth/link")
    somebody.press("Set your password")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("New password", NEW)
    somebody.press("Set your password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ann")
    expect(page.get_by_role("status").first).to_contain_text("Your password is set")


def test_set_up(somebody):  # noqa: F811
    page = somebody.page
    states.set_up(page)
    # Without the script that takes the token out of the address, it stays there; the form works either way.
    expect(page).to_have_url(re.compile(r"/auth/set-up(\?token=[\w-]{43})?$"))
    somebody.fill("Email", "ada@example.com")
    somebody.fill("First name", "Ada")
    somebody.fill("Last name", "Byron")
    somebody.fill("Password", "short")
    somebody.press("Set up Latchkey")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("ada@example.com")
    somebody.fill("Password", NEW)
    somebody.press("Set up Latchkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ada")


def test_ask_for_a_link(somebody):  # noqa: F811
    page = somebody.page
    page.goto("/auth/login")
    somebody.follow("Forgot your password?")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forgot your password?")
    somebody.press("Mail me a link")
    expect(page.get_by_role("alert")).to_be_focused()
    somebody.fill("Email", ANN)
    somebody.press("Mail me a link")
    expect(page.get_by_role("status").first).to_contain_text("Look into your mail")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_axe_finds_nothing_where_one_asks_for_a_link(page, violations):
    page.goto("/auth/login")
    assert violations(page) == []
    page.goto("/auth/forgot")
    assert violations(page) == []
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


def test_the_new_password_is_for_a_password_manager(page):
    """ASVS 6.2.7: the manager knows whose it is, and which of the two is new."""
    states.change_password(page)
    form = page.locator("#change_password")
    names = form.locator("input").evaluate_all("(all) => all.map((one) => one.autocomplete)")
    assert names == ["username", "current-password", "new-password"]
    assert form.locator("input[name=username]").input_value() == ANN
    new = page.get_by_label("New password", exact=True)
    expect(new).to_have_accessible_description(page.locator("#new_password-hint").inner_text())
