"""The notes example in a browser: add, edit in place, delete after a question."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANN, expire, focused, log_in, sent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def notes(ann_page):
    """Ann's page of notes, with two of them."""
    for text in ("Buy milk", "Call Bob\nabout <i>Monday</i>"):
        assert ann_page.context.request.post("/notes", form={"text": text}).ok
    ann_page.goto("/notes")
    return ann_page


def row(page, text):
    return page.get_by_role("listitem").filter(has_text=text)


def texts(page):
    return page.locator(".rows .lines").all_inner_texts()


def test_add(notes):
    notes.get_by_label("New note").fill("Third\nwith two lines")
    notes.get_by_role("button", name="Add").click()
    expect(notes.locator("#flash")).to_have_text("The note is added")
    assert texts(notes) == ["Third\nwith two lines", "Call Bob\nabout <i>Monday</i>", "Buy milk"]
    expect(notes.get_by_label("New note")).to_have_value("")
    expect(notes.get_by_label("New note")).to_be_focused()


def test_edit_in_place_leaves_everything_else_alone(notes):
    notes.get_by_label("New note").fill("half a thought")
    row(notes, "Buy milk").get_by_role("link").click()
    field = notes.get_by_label("Note", exact=True)
    expect(field).to_be_focused()
    field.fill("Buy bread")
    notes.get_by_role("button", name="Save").click()
    expect(notes.locator("#flash")).to_have_text("The note is saved")
    assert texts(notes) == ["Call Bob\nabout <i>Monday</i>", "Buy bread"]
    expect(notes.get_by_label("New note")).to_have_value("half a thought")
    assert focused(notes).tag != "BODY"


def test_a_field_is_ready_as_soon_as_it_is_there(notes):
    """HTMX would wait 20 ms: who fills in another field by then would type into this one."""
    notes.evaluate(
        "document.addEventListener('htmx:afterOnLoad', () => { window.focused = document.activeElement.tagName })"
    )
    row(notes, "Buy milk").get_by_role("link").click()
    expect(notes.get_by_label("Note", exact=True)).to_be_visible()
    assert notes.evaluate("window.focused") == "TEXTAREA"


def test_cancel_shows_the_note_as_it_was(notes):
    row(notes, "Buy milk").get_by_role("link").click()
    notes.get_by_label("Note", exact=True).fill("Buy nothing")
    notes.get_by_role("link", name="Cancel").click()
    expect(notes.get_by_label("Note", exact=True)).to_have_count(0)
    assert texts(notes)[-1] == "Buy milk"
    assert focused(notes).tag != "BODY"


@pytest.mark.parametrize("answer", ["accept", "dismiss"])
def test_delete_asks_and_names_the_note(notes, answer):
    questions = []
    notes.on("dialog", lambda question: (questions.append(question.message), getattr(question, answer)()))
    posts = sent(notes)
    row(notes, "Buy milk").get_by_role("button").click()
    if answer == "accept":
        expect(notes.get_by_text("Deleted.")).to_be_focused()
    assert questions == ["Delete the note “Buy milk”?"]
    assert len(posts) == (answer == "accept")
    notes.reload()
    assert len(texts(notes)) == (1 if answer == "accept" else 2)


def test_a_session_that_expires_meanwhile_loses_nothing(notes):
    row(notes, "Buy milk").get_by_role("link").click()
    notes.get_by_label("Note", exact=True).fill("Buy bread")
    notes.get_by_label("New note").fill("half a thought")
    expire(notes.context)
    notes.get_by_role("button", name="Save").click()
    dialog = notes.locator("dialog#relogin")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(notes.locator("#flash")).to_have_text("The note is saved")
    assert texts(notes)[-1] == "Buy bread"
    expect(notes.get_by_label("New note")).to_have_value("half a thought")


def test_an_empty_note_is_refused_in_its_place(notes):
    notes.get_by_role("button", name="Add").click()
    expect(notes.get_by_role("alert")).to_contain_text("Enter a note")
    assert focused(notes).tag != "BODY"
    assert texts(notes)[-1] == "Buy milk"


def test_the_keyboard_is_enough(notes):
    row(notes, "Buy milk").get_by_role("link").focus()
    notes.keyboard.press("Enter")
    expect(notes.get_by_label("Note", exact=True)).to_be_focused()
    notes.keyboard.press("ControlOrMeta+A")
    notes.keyboard.type("Buy bread")
    notes.keyboard.press("Tab")
    notes.keyboard.press("Enter")
    expect(notes.locator("#flash")).to_have_text("The note is saved")
    assert texts(notes)[-1] == "Buy bread"


def test_without_javascript(new_context, site):
    context = new_context(java_script_enabled=False)
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/notes")
    page.get_by_label("New note").fill("Buy milk")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#flash")).to_have_text("The note is added")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Note", exact=True).fill("Buy bread")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_have_text("The note is saved")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#flash")).to_have_text("The note is deleted")
    assert texts(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(new_context, violations, scheme):
    context = new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    log_in(context, ANN)
    page = context.new_page()
    page.goto("/notes")
    assert violations(page) == []
    page.get_by_label("New note").fill("word" * 60)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#flash")).to_have_text("The note is added")
    assert violations(page) == []
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Note", exact=True).fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a note")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
