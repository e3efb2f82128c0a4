"""The example of one's own pages: notes that are one's own alone, in the form of each client."""

import pytest
from sqlalchemy import func, insert, select

from tests.conftest import BROWSER, HTMX, add_employee, client_like, log_in, without_title
from webapp import clock
from webapp.database import database
from webapp.tables import notes

JSON = {"X-Expected-Format": "application/json"}


def add(client, text="Buy <b>milk</b>\nand bread"):
    return client.post("/notes", data={"text": text}, headers=JSON).json()["note"]["id"]


def listed(client):
    return [note["text"] for note in client.get("/notes", headers=JSON).json()["notes"]]


@pytest.fixture
def bob(anonymous, run, ann):
    add_employee(run, "bob@example.com")
    client = client_like(anonymous, HTMX)
    assert log_in(client, username="bob@example.com").status_code == 204
    return client


def test_a_browser_adds_changes_and_deletes_without_javascript(browser):
    answer = browser.post("/notes", data={"text": "One\r\ntwo"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/notes")
    page = browser.get("/notes").text
    assert "The note is added" in page
    assert '<span class="lines">One\ntwo</span>' in page
    (note,) = browser.get("/notes", headers=JSON).json()["notes"]
    assert ">\nOne\ntwo</textarea>" in browser.get(f"/notes/{note['id']}/edit").text
    assert browser.post(f"/notes/{note['id']}", data={"text": "Three"}).headers["location"] == "/notes"
    assert listed(browser) == ["Three"]
    assert browser.post(f"/notes/{note['id']}/delete").headers["location"] == "/notes"
    assert listed(browser) == []


def test_htmx_gets_the_row_alone(htmx):
    added = without_title(htmx.post("/notes", data={"text": "First"}))
    assert added.startswith('<li id="note-new">')
    assert added.count("<li") == 2
    assert "The note is added" in added
    number = htmx.get("/notes", headers=JSON).json()["notes"][0]["id"]
    assert without_title(htmx.get(f"/notes/{number}/edit")).startswith(f'<li id="note-{number}">')
    saved = without_title(htmx.post(f"/notes/{number}", data={"text": "Second"}))
    assert saved.startswith(f'<li id="note-{number}">')
    assert "Second" in saved
    deleted = htmx.post(f"/notes/{number}/delete").text
    assert "Deleted." in deleted
    assert "<form" not in deleted


def test_a_program_gets_json(api):
    answer = api.post("/notes", json={"text": "By a program"}, headers=JSON)
    assert answer.json()["note"]["text"] == "By a program"
    number = answer.json()["note"]["id"]
    assert api.post(f"/notes/{number}", json={"text": ""}, headers=JSON).json()["fields"] == {"text": "Enter a note"}
    assert api.post(f"/notes/{number}/delete", headers=JSON).is_success
    assert listed(api) == []


def test_a_program_reads_one_note_as_json(api):
    number = add(api, "One")
    for path in (f"/notes/{number}", f"/notes/{number}/edit"):
        answer = api.get(path, headers=JSON)
        assert (answer.json()["id"], answer.json()["text"]) == (number, "One")


@pytest.mark.parametrize("number", ["9" * 5000, "2147483648", "0", "-1"])
def test_a_number_that_no_note_can_have_is_not_found(signed_in, number):
    assert signed_in.get(f"/notes/{number}").status_code == 404


def test_the_newest_is_first_and_markup_is_text(htmx):
    add(htmx, "one")
    add(htmx)
    assert listed(htmx) == ["Buy <b>milk</b>\nand bread", "one"]
    assert "<b>" not in htmx.get("/notes").text


@pytest.mark.parametrize(("method", "rest"), [("get", ""), ("get", "/edit"), ("post", ""), ("post", "/delete")])
def test_anothers_note_is_not_found(htmx, bob, method, rest):
    """A note that is not one's own is as one that does not exist (ASVS 8.2.2)."""
    number = add(htmx)
    for path in (f"/notes/{number}{rest}", f"/notes/{number + 1}{rest}", f"/notes/{10**30}{rest}"):
        answer = getattr(bob, method)(path, **({"data": {"text": "stolen"}} if method == "post" else {}))
        assert answer.status_code == 404, path
        assert "milk" not in answer.text
    assert listed(bob) == []
    assert listed(htmx) == ["Buy <b>milk</b>\nand bread"]


def test_what_cannot_be_kept_is_said_in_its_row(anonymous, browser, htmx):
    refused = htmx.post("/notes", data={"text": " "})
    assert (refused.status_code, refused.headers["hx-retarget"]) == (422, "#note-new")
    assert "Enter a note" in refused.text
    number = add(htmx, "short")
    refused = htmx.post(f"/notes/{number}", data={"text": "long" * 501})
    assert (refused.status_code, refused.headers["hx-retarget"]) == (422, f"#note-{number}")
    assert "long" * 501 in refused.text
    page = browser.post(f"/notes/{number}", data={"text": ""})
    assert (page.status_code, "<title>Error: Notes" in page.text) == (422, True)
    assert listed(htmx) == ["short"]


def test_whoever_may_only_read_writes_none(anonymous, run):
    add_employee(run, "reader@example.com", scopes=("user:read",))
    reader = client_like(anonymous, BROWSER)
    log_in(reader, username="reader@example.com")
    assert reader.post("/notes", data={"text": "x"}).status_code == 403
    assert run(database.fetch_val, select(func.count()).select_from(notes)) == 0


def test_whoever_may_only_read_is_offered_nothing_else(anonymous, run):
    reader_no = add_employee(run, "reader@example.com", scopes=("user:read",)).emp_no
    reader = client_like(anonymous, BROWSER)
    log_in(reader, username="reader@example.com")
    assert "None yet." in reader.get("/notes").text
    run(database.execute, insert(notes).values(id=1, emp_no=reader_no, text="From before", changed=clock.now()))
    for path in ("/notes", "/notes/1"):
        text = reader.get(path).text
        assert "From before" in text
        assert "None yet." not in text
        assert "/notes/1/" not in text
        assert "<textarea" not in text
    assert reader.get("/notes/1/edit").status_code == 403
