"""The forms: what is wrong is said where it is seen and heard, nothing is sent twice, and the focus is never lost."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, focused, sent
from tests.browser.states import STATES, login, type_login
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(params=[True, False], ids=["htmx", "without JavaScript"])
def either_page(new_context, request):
    """A page of a browser with and without JavaScript."""
    return new_context(java_script_enabled=request.param).new_page()


def test_wrong_email_and_wrong_password_look_the_same(either_page):
    """ASVS 6.3.8."""
    told = []
    for email, password in ((ANN, "wrong"), ("nobody@example.com", PASSWORD)):
        login(either_page)
        with either_page.expect_response("**/auth/token") as answer:
            type_login(either_page, email, password)
        assert answer.value.status == 422
        expect(either_page.get_by_role("alert")).to_be_visible()
        expect(either_page.get_by_label("Email")).to_have_value(email)
        expect(either_page.get_by_label("Password", exact=True)).to_have_value("")
        told.append(either_page.locator("main").inner_text())
    assert told[0] == told[1]


@pytest.mark.parametrize("state", ["login, incomplete", "login, wrong"])
def test_what_is_wrong_has_the_focus_and_stands_in_the_title(either_page, state):
    STATES[state](either_page)
    summary = either_page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("heading")).to_be_visible()
    expect(either_page).to_have_title("Error: Log in – Latchkey")
    assert summary.bounding_box()["y"] < either_page.get_by_role("heading", level=1).bounding_box()["y"]


@pytest.mark.parametrize(("state", "count"), [("login, incomplete", 2), ("sign-ins, token refused", 3)])
def test_each_problem_leads_to_its_field_which_says_the_same(new_context, state, count):
    page = new_context().new_page()
    STATES[state](page)
    links = page.get_by_role("alert").get_by_role("link")
    assert links.count() == count
    for link in links.all():
        link.click()
        field = page.locator(link.get_attribute("href"))
        expect(field).to_be_focused()
        described = field.get_attribute("aria-describedby") or page.locator("fieldset").get_attribute(
            "aria-describedby"
        )
        assert page.locator(f"#{described}").inner_text() == link.inner_text()


def test_a_password_can_be_shown_and_is_hidden_when_it_is_sent(page):
    login(page)
    password, button = page.get_by_label("Password", exact=True), page.locator(".show")
    password.fill("to be seen")
    expect(button).to_have_accessible_name("Show password")
    assert (button.get_attribute("type"), button.get_attribute("aria-controls")) == ("button", "password")
    button.click()
    expect(password).to_have_attribute("type", "text")
    expect(button).to_have_accessible_name("Hide password")
    expect(page.get_by_text("Your password is visible")).to_have_attribute("role", "status")
    button.click()
    expect(password).to_have_attribute("type", "password")
    expect(page.get_by_text("Your password is hidden")).to_be_attached()
    button.click()
    page.evaluate(
        "document.addEventListener('htmx:configRequest', () => window.typeWhenSent = document.getElementById('password').type)"
    )
    page.get_by_label("Email").fill(ANN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("typeWhenSent") == "password"


def test_without_the_script_there_is_no_button_to_show_a_password(new_context):
    page = new_context(java_script_enabled=False).new_page()
    login(page)
    expect(page.locator(".show")).to_be_hidden()


def test_a_password_can_be_pasted(page):
    login(page)
    page.get_by_label("Email").fill("copied text")
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+C")
    page.get_by_label("Password", exact=True).focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Password", exact=True)).to_have_value("copied text")


def test_three_clicks_send_one_form(page):
    login(page)
    page.get_by_label("Email").fill(ANN)
    page.get_by_label("Password", exact=True).fill("wrong")
    posts = sent(page)
    page.locator("#login > button").evaluate("(button) => { button.click(); button.click(); button.click(); }")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("#login > button").evaluate("(button) => { button.click(); button.click(); button.click(); }")
    expect(page.get_by_role("heading", name="Welcome, Ann")).to_be_visible()
    assert len(posts) == 2


@pytest.mark.parametrize(
    "state", ["login, incomplete", "login, wrong", "sign-ins, token refused", "sign-ins, token made", "sign-ins, ended"]
)
def test_after_a_fragment_came_the_focus_is_in_it(page, state):
    STATES[state](page)
    page.wait_for_function("document.activeElement !== document.body")
    assert focused(page).tag in ("DIV", "H1", "H2")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_sign_in_is_ended_only_after_a_question_that_names_it(page):
    STATES["sign-ins"](page)
    questions = []
    posts = sent(page)
    page.once("dialog", lambda dialog: (questions.append(dialog.message), dialog.dismiss()))
    button = page.get_by_role("button", name="End ", exact=False).first
    name = button.get_attribute("aria-label")
    button.click()
    assert questions[0].startswith(f"{name}?")
    assert posts == []
    page.once("dialog", lambda dialog: dialog.accept())
    button.click()
    expect(page.get_by_role("status").first).to_have_text("That sign-in has ended")
    assert len(posts) == 1
    expect(page.locator("h1")).to_be_focused()
