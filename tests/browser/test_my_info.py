"""My Info's form: what was typed for ten minutes is saved, whatever happens to the session meanwhile."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, expire, focused, log_in, sent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def typing(ann_page):
    """Ann's My Info with something typed that is not saved yet."""
    ann_page.goto("/admin/me")
    ann_page.get_by_label("Preferred name").fill("Annie")
    ann_page.get_by_label("About me").fill("First line\nSecond line")
    return ann_page


def save(page):
    page.get_by_role("button", name="Save").click()


def test_what_is_saved_is_shown_with_its_lines_and_the_new_name_in_the_header(typing):
    save(typing)
    expect(typing.locator("#flash")).to_have_text("Your details are saved")
    expect(typing.locator("#who-name")).to_have_text("Annie")
    assert typing.locator("dd.lines").inner_text() == "First line\nSecond line"
    assert focused(typing).tag == "H1"
    typing.reload()
    expect(typing.get_by_label("About me")).to_have_value("First line\nSecond line")


def test_a_session_that_expires_while_one_types_loses_nothing(typing):
    expire(typing.context)
    save(typing)
    dialog = typing.locator("dialog#relogin")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(typing.locator("#flash")).to_have_text("Your details are saved")
    expect(typing.locator("#who-name")).to_have_text("Annie")
    assert focused(typing).tag == "H1"


def test_what_cannot_be_saved_is_said_and_nothing_typed_is_lost(typing, violations):
    typing.get_by_label("Preferred name").fill("a" * 51)
    save(typing)
    expect(typing.get_by_role("alert")).to_contain_text("at most 50 characters")
    expect(typing.get_by_label("About me")).to_have_value("First line\nSecond line")
    assert typing.title().startswith("Error: ")
    assert focused(typing).tag == "DIV"
    assert violations(typing) == []


def test_three_clicks_are_one_request(typing):
    posts = sent(typing)
    typing.evaluate("for (let i = 0; i < 3; i++) document.querySelector('#profile button').click()")
    expect(typing.locator("#flash")).to_have_text("Your details are saved")
    assert len(posts) == 1


def test_the_form_works_without_javascript(new_context, site):
    context = new_context(java_script_enabled=False)
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/admin/me")
    page.get_by_label("Preferred name").fill("Annie")
    save(page)
    expect(page.locator("#flash")).to_have_text("Your details are saved")
    expect(page.locator("#who-name")).to_have_text("Annie")
