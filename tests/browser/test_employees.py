"""The employees' pages in a browser: search as one types, a new employee, two who edit one, and axe in every state."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADA, ANN, focused, log_in
from webapp import directory

pytestmark = pytest.mark.browser
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture
def ada_page(page: Any) -> Any:
    """A page of a browser in which Ada, who may do everything, is logged in."""
    log_in(page.context, ADA)
    return page


def test_search_as_one_types(ada_page: Any) -> None:
    ada_page.goto("/employees")
    rows = ada_page.locator("#results li.row")
    before = rows.count()
    ada_page.get_by_label("Search").press_sequentially("ANN")
    expect(rows).to_have_count(1)
    assert before > 1
    expect(ada_page).to_have_url(re.compile(r"/employees\?q=ANN"))
    expect(ada_page.get_by_label("Search")).to_be_focused()
    ada_page.get_by_label("Search").fill("nobody at all")
    expect(ada_page.get_by_text("Nobody matches")).to_be_visible()
    ada_page.get_by_label("Search").fill("")
    expect(rows).to_have_count(before)


def test_without_the_script_the_search_is_a_form(new_context: Any) -> None:
    context = new_context(java_script_enabled=False)
    log_in(context, ADA)
    page = context.new_page()
    page.goto("/employees")
    page.get_by_label("Search").fill("ann")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#results li.row")).to_have_count(1)
    page.get_by_role("link", name="Ann Lee").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ann Lee")


def add(page: Any, email: str = "new@example.com") -> None:
    """Fill in the form of a new employee and send it."""
    page.goto("/employees/new")
    page.get_by_label("First name").fill("Søren")
    page.get_by_label("Last name").fill("Müller")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Add an employee").click()


def test_a_new_employee_and_their_password_link(ada_page: Any) -> None:
    add(ada_page)
    expect(ada_page.get_by_role("heading", level=1)).to_have_text("Søren Müller")
    expect(ada_page.get_by_role("status").first).to_contain_text("was added")
    ada_page.get_by_role("button", name="Make a password link").click()
    expect(ada_page.locator("code.secret")).to_contain_text("/auth/link?token=")
    assert focused(ada_page).id == "link-title"


def test_a_wrong_field_takes_the_focus(ada_page: Any) -> None:
    add(ada_page, email="nobody")
    expect(ada_page.get_by_role("alert")).to_be_focused()
    expect(ada_page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    expect(ada_page.get_by_label("Last name")).to_have_value("Müller")


def test_the_second_of_two_keeps_what_they_typed(ada_page: Any) -> None:
    ada_page.goto("/employees?q=ann")
    ada_page.get_by_role("link", name="Ann Lee").click()
    ada_page.get_by_role("link", name="Edit details").click()
    ada_page.get_by_label("First name").fill("Anna")
    other = ada_page.context.new_page()
    other.goto(ada_page.url)
    other.get_by_label("First name").fill("Annika")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Annika Lee")
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.get_by_role("alert")).to_contain_text("It is now Annika; in your form it is Anna")
    expect(ada_page.get_by_label("First name")).to_have_value("Anna")
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.get_by_role("heading", level=1)).to_have_text("Anna Lee")


def test_deactivate_asks_first(ada_page: Any) -> None:
    ada_page.goto("/employees?q=ann")
    ada_page.get_by_role("link", name="Ann Lee").click()
    asked: list[str] = []
    ada_page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    ada_page.get_by_role("button", name="Deactivate").click()
    expect(ada_page.get_by_text("Deactivated", exact=True)).to_be_visible()
    assert asked == ["Deactivate Ann Lee? They are logged out everywhere at once."]


def test_the_way_there_is_shown_to_those_who_may(ada_page: Any, new_context: Any) -> None:
    ada_page.goto("/auth/home")
    expect(ada_page.locator("#pages").get_by_role("link", name="Employees")).to_be_visible()
    context = new_context()
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/auth/home")
    expect(page.get_by_role("link", name="Employees")).to_have_count(0)


@SCHEMES
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    new_context: Any, violations: Any, scheme: str, width: int
) -> None:
    context = new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    log_in(context, ADA)
    page = context.new_page()
    page.goto("/employees?q=ann")
    address = page.get_by_role("link", name="Ann Lee").get_attribute("href")
    for path in ("/employees", "/employees?q=xyz", "/employees/new", address, f"{address}/edit", f"{address}/scopes"):
        page.goto(path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    add(page, email="nobody")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


def test_why_something_cannot_be_done_is_said(ada_page: Any) -> None:
    ada_page.goto("/employees/10003/scopes")
    ada_page.get_by_role("checkbox", name="super:*").uncheck()
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.locator("#flash")).to_contain_text("This is the last administrator with super:* who can log in")
    ada_page.context.complaints.clear()  # the browser's own, on the 409


def test_the_focus_is_kept_from_page_to_page_of_the_list(ada_page: Any) -> None:
    for number in range(directory.PAGE):
        added = {"email": f"e{number}@example.com", "first_name": "Eve", "last_name": "Eld"}
        assert ada_page.context.request.post("/employees", form=added).ok
    ada_page.goto("/employees")
    for way in ("Next page", "First page"):
        ada_page.get_by_role("link", name=way).click()
        expect(ada_page.get_by_role("link", name=way)).to_have_count(0)
        expect(ada_page.locator("h1")).to_be_focused()


def test_the_header_is_one_line_on_a_wide_screen(ada_page: Any) -> None:
    ada_page.set_viewport_size({"width": 1280, "height": 800})
    ada_page.goto("/employees")
    name, ways = ada_page.locator(".brand").bounding_box(), ada_page.locator("#who").bounding_box()
    assert abs(name["y"] + name["height"] / 2 - ways["y"] - ways["height"] / 2) < 4
