"""The employees' pages in a browser: two who edit one employee, refusals, and the pages of the list."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADA, focused, log_in
from webapp import directory

pytestmark = pytest.mark.browser
ANNS = "/employees/10001"


@pytest.fixture
def ada_page(page):
    """A page of a browser in which Ada, who may do everything, is logged in."""
    log_in(page.context, ADA)
    return page


def test_who_edits_second_is_told_and_keeps_what_was_typed(ada_page):
    ada_page.goto(f"{ANNS}/edit")
    version = ada_page.locator("[name=version]").input_value()
    other = {"version": version, "email": "ann@example.com", "first_name": "Anna", "last_name": "Lee"}
    assert ada_page.context.request.post(f"{ANNS}/edit", form=other).ok
    ada_page.get_by_label("Last name").fill("Leigh")
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.get_by_role("alert")).to_contain_text("It is now Anna")
    expect(ada_page.get_by_role("alert")).to_be_focused()
    expect(ada_page.get_by_label("Last name")).to_have_value("Leigh")
    ada_page.context.complaints.clear()  # the browser's own, on the 409
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.locator("h1")).to_have_text("Ann Leigh")


def test_why_something_cannot_be_done_is_said(ada_page):
    ada_page.goto("/employees/10003/scopes")
    ada_page.get_by_role("checkbox", name="super:*").uncheck()
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.locator("#flash")).to_contain_text("This is the last active employee who may do everything")
    ada_page.context.complaints.clear()  # the browser's own, on the 409


def test_the_focus_is_kept_from_page_to_page_of_the_list(ada_page):
    for number in range(directory.PAGE):
        added = {"email": f"e{number}@example.com", "first_name": "Eve", "last_name": "Eld"}
        assert ada_page.context.request.post("/employees", form=added).ok
    ada_page.goto("/employees")
    for way in ("Next page", "First page"):
        ada_page.get_by_role("link", name=way).click()
        expect(ada_page.get_by_role("link", name=way)).to_have_count(0)
        assert focused(ada_page).tag == "H1"
