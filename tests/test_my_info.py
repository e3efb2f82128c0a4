"""What employees say of themselves: changed by themselves alone, heard by every worker, shown as it was typed."""

import pytest
from sqlalchemy import select, update

from tests.conftest import API, BROWSER, HTMX, add_employee, client_like, log_in, without_title
from webapp import clock
from webapp.auth import changes
from webapp.auth.held import held
from webapp.database import database
from webapp.tables import employees, sign_ins

SAID = {"preferred_name": "Annie", "about": "Two lines\r\nof <b>text</b>"}


def kept(run, emp_no):
    row = run(database.fetch_one, select(employees).where(employees.c.emp_no == emp_no))
    return row["preferred_name"], row["about"]


def test_a_browser_is_sent_back_to_the_page_that_says_so(browser, run, ann):
    answer = browser.post("/admin/me", data=SAID)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/me")
    text = browser.get("/admin/me").text
    assert "Your details are saved" in text
    assert '<span id="who-name">Annie</span>' in text
    assert '<dd class="lines">Two lines\nof &lt;b&gt;text&lt;/b&gt;</dd>' in text
    assert "Welcome, Annie" in browser.get("/auth/home").text
    assert kept(run, ann.emp_no) == ("Annie", "Two lines\nof <b>text</b>")


def test_htmx_gets_the_page_with_the_message_and_the_new_name(htmx):
    answer = htmx.post("/admin/me", data=SAID)
    assert answer.status_code == 200
    assert without_title(answer).startswith('<div id="my_info"')
    assert "Your details are saved" in answer.text
    assert '<span id="who-name" hx-swap-oob="true">Annie</span>' in answer.text
    assert "hx-swap-oob" not in htmx.get("/admin/me").text


@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_program_changes_what_it_gives_and_no_more(api, kind):
    assert api.patch("/api/me", **{kind: SAID}).json()["preferred_name"] == "Annie"
    body = api.patch("/api/me", **{kind: {"preferred_name": " Ann-Marie "}}).json()
    assert (body["preferred_name"], body["about"]) == ("Ann-Marie", "Two lines\nof <b>text</b>")
    assert api.get("/api/me").json() == body


def test_nothing_given_is_nothing_changed_and_empty_is_not_given(api):
    api.patch("/api/me", json=SAID)
    assert api.patch("/api/me", json={}).json()["preferred_name"] == "Annie"
    assert api.post("/admin/me", headers={"Accept": "application/json"}).json()["preferred_name"] == "Annie"
    assert api.patch("/api/me", json={"preferred_name": None, "about": " "}).json()["about"] is None
    assert api.get("/api/me").json()["preferred_name"] is None


@pytest.mark.parametrize("field", ["scopes", "is_active", "email", "emp_no", "password_hash", "first_name"])
def test_nothing_else_can_be_changed_here(api, run, ann, field):
    """Only the two fields are taken, whatever else is sent (ASVS 15.3.3)."""
    before = api.get("/api/me").json()
    answer = api.patch("/api/me", json={field: "super:*"})
    assert (answer.status_code, answer.json()["fields"]) == (400, {field: "There is no such field"})
    assert api.patch("/api/me", data={field: "super:*"}).json() == before


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("preferred_name", "a" * 51, "Enter your preferred name with at most 50 characters"),
        ("preferred_name", "a\nb", "Enter your preferred name in one line"),
        ("preferred_name", "a\u202eb", "Enter your preferred name without control characters"),
        ("about", "a" * 2001, "Enter something about you with at most 2,000 characters"),
        ("about", "a\x00b", "Enter something about you without control characters"),
    ],
)
def test_what_cannot_be_kept_is_said_and_what_was_typed_is_shown(anonymous, htmx, api, run, ann, field, text, sentence):
    answer = htmx.post("/admin/me", data={"preferred_name": "Kept", "about": "kept too", field: text})
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, "#my_info")
    assert sentence in answer.text
    assert "<title>Error: My Info" in answer.text
    assert "kept too" in answer.text or "Kept" in answer.text
    assert api.patch("/api/me", json={field: text}).json()["fields"] == {field: sentence}
    assert kept(run, ann.emp_no) == (None, None)


@pytest.mark.parametrize("client", ["browser", "htmx"])
def test_however_much_was_typed_is_shown_again_beside_what_was_not_sent(request, api, client):
    assert api.patch("/api/me", json={"preferred_name": "Annie"}).is_success
    answer = request.getfixturevalue(client).post("/admin/me", data={"about": "word " * 3000 + "the end"})
    assert answer.status_code == 422
    assert "word " * 3000 + "the end</textarea>" in answer.text
    assert 'value="Annie"' in answer.text


def test_the_longest_texts_in_any_script_are_kept_as_they_are(api):
    longest = {"preferred_name": "👩" * 50, "about": "字\n" * 999 + "ßé"}
    assert api.patch("/api/me", json=longest).is_success
    assert {**api.get("/api/me").json(), **longest} == api.get("/api/me").json()


class TestScope:
    @pytest.fixture
    def reader(self, anonymous, run):
        add_employee(run, "reader@example.com", scopes=("user:read",))

        def client(headers):
            made = client_like(anonymous, headers)
            log_in(made, username="reader@example.com")
            return made

        return client

    def test_whoever_may_only_read_is_refused(self, reader, anonymous):
        """Each change asks for its scope (ASVS 8.2.1)."""
        assert "<title>Error 403" in reader(BROWSER).post("/admin/me", data=SAID).text
        fragment = reader(HTMX).post("/admin/me", data=SAID)
        assert (fragment.status_code, fragment.headers["hx-retarget"]) == (403, "#flash")
        program = client_like(anonymous, API)
        token = log_in(program, "/api/login", username="reader@example.com").json()["access_token"]
        answer = program.patch("/api/me", json=SAID, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (403, 'Bearer error="insufficient_scope"')

    def test_the_page_shows_no_form_then(self, reader):
        text = reader(BROWSER).get("/admin/me").text
        assert 'id="profile"' not in text
        assert "Preferred name" in text

    def test_a_personal_token_needs_the_scope_too(self, anonymous, browser, moved_clock):
        ends = {"ends": "2099-01-01"}
        for scope, status in (("user:read", 403), ("user:write", 200)):
            form = {"name": scope, "scopes": scope, "ends": day_after(moved_clock)}
            token = browser.post("/auth/tokens", data={**ends, **form}, headers=API | {"Accept": "application/json"})
            headers = {**API, "Authorization": f"Bearer {token.json()['access_token']}"}
            assert client_like(anonymous, headers).patch("/api/me", json=SAID).status_code == status


def day_after(moved_clock):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moved_clock.time + 86400, UTC).date().isoformat()


def test_every_worker_hears_of_it(api, run, ann):
    """A change is written down for the other workers in the same transaction, and is not held on to here (ASVS 8.3.2)."""
    assert api.get("/api/me").is_success
    other = dict(held.sign_ins)
    api.patch("/api/me", json=SAID)
    held.sign_ins.update(other)
    assert api.get("/api/me").json()["preferred_name"] is None
    run(changes.learn)
    assert api.get("/api/me").json()["preferred_name"] == "Annie"


def test_a_sign_in_that_has_ended_meanwhile_changes_nothing(api, run, ann):
    """The database itself is asked, in the same transaction, whether the sign-in lives (ASVS 7.4.1)."""
    assert api.get("/api/me").is_success
    run(database.execute, update(sign_ins).values(ended=clock.now(), ended_why="elsewhere"))
    assert api.patch("/api/me", json=SAID).status_code == 401
    assert kept(run, ann.emp_no) == (None, None)


def test_nobody_changes_another(anonymous, api, run, ann):
    bob = add_employee(run, "bob@example.com")
    api.patch("/api/me", json=SAID)
    assert kept(run, bob.emp_no) == (None, None)


def test_a_form_of_another_site_changes_nothing(browser, run, ann):
    assert browser.post("/admin/me", data=SAID, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert kept(run, ann.emp_no) == (None, None)
