"""The employees' pages and their JSON: the list, one of them, a new one, edits by two people."""

import json

import pytest
from sqlalchemy import insert, select

from tests.conftest import API, BROWSER, HTMX, add_employee, client_like, log_in, without_title
from webapp import directory
from webapp import employees as staff
from webapp.auth import passwords
from webapp.database import database
from webapp.tables import audit, employee_words, employees

NEW = {
    "email": "Zoe.Mueller@Müller.Example",
    "first_name": "Zoë",
    "last_name": "Müller",
    "birth_date": "1990-02-28",
    "gender": "F",
    "hire_date": "2020-01-02",
}
KEPT = {**NEW, "email": "zoe.mueller@müller.example"}
EDITED = {
    "first_name": "Anna",
    "last_name": "Løw",
    "email": "anna@example.com",
    "birth_date": "",
    "gender": "",
    "hire_date": "",
}
# For each wrong value, a part of what is said.
WRONG = [
    ("email", "nobody", "email address"),
    ("email", "a@b", "email address"),
    ("email", "", "Enter the email"),
    ("email", "=x@example.com", "does not begin with"),
    ("first_name", " ", "Enter the first name"),
    ("first_name", "x" * 51, "1 to 50"),
    ("last_name", "a\x00b", "can be seen"),
    ("last_name", "a\u202eb", "can be seen"),
    ("last_name", "\ud800", "can be seen"),
    ("birth_date", "1899-12-31", "from 1900"),
    ("birth_date", "1990-02-30", "from 1900"),
    ("hire_date", "2020-1-2", "from 1900"),
    ("hire_date", "1990-02-28", "after the birth date"),
    ("gender", "Q", "F, M or X"),
]


@pytest.fixture
def boss(run, anonymous):
    return add_employee(
        run, "boss@example.com", first_name="Bo", last_name="Ss", scopes=("user:read", "user:write", "super:*")
    )


def client_of(anonymous, headers):
    client = client_like(anonymous, headers)
    log_in(client, username="boss@example.com")
    return client


@pytest.fixture
def page(anonymous, boss):
    """A browser in which an administrator is logged in."""
    return client_of(anonymous, BROWSER)


@pytest.fixture
def fragment(anonymous, boss):
    """An HTMX page in which an administrator is logged in."""
    return client_of(anonymous, HTMX)


@pytest.fixture
def program(anonymous, boss):
    """A program that has an administrator's token."""
    client = client_like(anonymous, API)
    token = log_in(client, "/api/login", username="boss@example.com").json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


class TestList:
    def test_page(self, page, run, ann):
        text = page.get("/employees?q=ANN").text
        assert text.startswith("<!doctype html>")
        assert 'href="/employees/10002"' in text
        assert 'value="ANN"' in text
        assert 'href="/employees/10001"' not in text
        assert 'aria-current="page" hx-get="/employees"' in text

    def test_fragment(self, fragment, ann):
        answer = fragment.get("/employees")
        assert without_title(answer).startswith('<section id="employees"')
        assert 'id="found"' in answer.text

    def test_json(self, program, ann):
        body = program.get("/api/employees?q=ann").json()
        ann_entry = {"emp_no": 10002, "email": "ann.lee@example.com", "first_name": "Ann", "last_name": "Lee"}
        assert body == {"employees": [{**ann_entry, "hire_date": None, "is_active": True}], "next": None}

    def test_nobody_matches(self, page, program):
        assert "Nobody matches" in page.get("/employees?q=xyz").text
        assert program.get("/api/employees?q=xyz").json() == {"employees": [], "next": None}

    def test_pages_lead_on(self, page, program, run):
        for number in range(directory.PAGE + 1):
            add_employee(run, f"e{number}@example.com", first_name="Eve", last_name=f"L{number:02}")
        text = page.get("/employees?q=e&sort=-number").text
        further = text.split('class="pager"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
        assert further.startswith("/employees?q=e&sort=-number&after=")
        assert "First page" in page.get(further).text
        numbers, address = [], "/api/employees?limit=10"
        while address:
            body = program.get(address).json()
            numbers += [entry["emp_no"] for entry in body["employees"]]
            address = body["next"]
        assert sorted(numbers) == [*range(10001, 10003 + directory.PAGE)]

    @pytest.mark.parametrize(
        "query",
        [
            "sort=email",
            "sort=name;",
            "limit=0",
            "limit=101",
            "limit=x",
            "after=x",
            "after=99999",
            "after=9999999999",
            "limit=-1",
        ],
    )
    def test_what_cannot_be_asked_is_refused_with_what_to_do(self, page, program, query):
        assert page.get(f"/employees?{query}").status_code == 400
        assert program.get(f"/api/employees?{query}").json()["error"] == "invalid_request"

    def test_what_was_typed_is_shown_as_text(self, page):
        text = page.get("/employees", params={"q": "<script>alert(1)</script>"}).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text

    def test_long_queries_are_cut(self, program):
        assert program.get("/api/employees", params={"q": "a " * 3000}).status_code == 200


class TestOne:
    def test_page_fragment_and_json(self, page, fragment, program, ann):
        text = page.get("/employees/10002").text
        for shown in (
            "Ann Lee",
            "ann.lee@example.com",
            "user:read, user:write",
            "Not logged in anywhere",
            "Nothing given",
        ):
            assert shown in text
        assert without_title(fragment.get("/employees/10002")).startswith('<div id="employee"')
        answer = program.get("/api/employees/10002")
        assert answer.headers["etag"] == '"1"'
        body = answer.json()
        assert (body["email"], body["is_active"], body["version"]) == ("ann.lee@example.com", True, 1)

    def test_unknown(self, page, fragment, program):
        for client, path in ((page, "/employees/999"), (fragment, "/employees/x"), (program, "/api/employees/999")):
            assert client.get(path).status_code == 404


class TestCreate:
    def test_browser(self, page, run):
        assert 'id="employee_new"' in page.get("/employees/new").text
        answer = page.post("/employees", data=NEW)
        assert (answer.status_code, answer.headers["location"]) == (303, "/employees/10002")
        text = page.get("/employees/10002").text
        assert "Zoë Müller was added" in text
        assert "Make a password link" in text
        assert "password set" not in text
        row = run(database.fetch_one, select(employees).where(employees.c.emp_no == 10002))
        assert {name: str(row[name]) for name in NEW} == KEPT
        assert (row["scopes"], row["password_hash"]) == ("user:read user:write", passwords.UNUSABLE)
        assert "10002" in page.get("/employees?q=muller+zoe").text

    def test_htmx(self, fragment):
        answer = fragment.post("/employees", data=NEW)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/employees/10002")

    def test_json(self, program, run, boss):
        answer = program.post("/api/employees", json=NEW)
        assert (answer.status_code, answer.headers["location"]) == (201, "/api/employees/10002")
        assert {name: answer.json()[name] for name in NEW} == KEPT
        row = run(database.fetch_one, select(audit))
        assert (row["actor"], row["action"], row["emp_no"], row["how"]) == (boss.emp_no, "created", 10002, "API")
        assert "password" not in row["details"]

    @pytest.mark.parametrize(("field", "value", "said"), WRONG)
    def test_a_wrong_field_is_told_beside_it_and_nothing_is_done(self, page, program, run, field, value, said):
        form = {**NEW, field: value}
        if value != "\ud800":
            answer = page.post("/employees", data=form)
            assert answer.status_code == 422
            assert said in answer.text.split(f'id="{field}-problem"')[1].split("</p>")[0]
            assert 'value="Müller"' in answer.text or field == "last_name"
        answer = program.post("/api/employees", content=json.dumps(form), headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        if value != "\ud800":
            assert said in answer.json()["fields"][field]
        assert len(run(database.fetch_all, select(employees))) == 1

    @pytest.mark.parametrize("email", ["boss@example.com", " BOSS@Example.COM "])
    def test_an_email_that_somebody_has_is_refused(self, page, program, email):
        answer = page.post("/employees", data={**NEW, "email": email})
        assert answer.status_code == 422
        assert "Another employee has this email" in answer.text
        answer = program.post("/api/employees", json={**NEW, "email": email})
        assert (answer.status_code, answer.json()["fields"]) == (400, {"email": "Another employee has this email"})

    def test_fields_that_are_not_known_are_refused(self, program, run):
        for more in ({"scopes": ["super:*"]}, {"is_active": False}, {"password_hash": "x"}, {"emp_no": 1}):
            assert program.post("/api/employees", json={**NEW, **more}).status_code == 400
        assert len(run(database.fetch_all, select(employees))) == 1

    def test_a_form_gives_nothing_that_it_has_no_field_for(self, page, run):
        page.post("/employees", data={**NEW, "scopes": "super:*", "is_active": "false", "emp_no": "1"})
        row = run(database.fetch_one, select(employees).where(employees.c.emp_no == 10002))
        assert (row["scopes"], bool(row["is_active"])) == ("user:read user:write", True)


class TestEdit:
    def test_browser(self, page, ann, run, boss):
        shown = page.get("/employees/10002/edit").text
        assert 'name="version" value="1"' in shown
        assert 'value="ann.lee@example.com"' in shown
        answer = page.post("/employees/10002/edit", data={**EDITED, "version": "1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/employees/10002")
        assert "The details of Anna Løw are saved" in page.get("/employees/10002").text
        now = run(staff.with_number, 10002)
        assert (now.first_name, now.last_name, now.email, now.version) == ("Anna", "Løw", "anna@example.com", 2)
        row = run(database.fetch_one, select(audit))
        assert (row["actor"], row["action"]) == (boss.emp_no, "edited")
        assert '"last_name":["Lee","Løw"]' in row["details"]

    def test_is_found_by_the_new_words_and_no_longer_by_the_old(self, page, program, ann, run):
        page.post("/employees/10002/edit", data={**EDITED, "version": "1"})
        for query, count in (("lee", 0), ("ann.lee@", 0), ("low", 1), ("anna@example.com", 1)):
            assert len(program.get(f"/api/employees?q={query}").json()["employees"]) == count, query
        rows = run(database.fetch_all, select(employee_words.c.word).where(employee_words.c.emp_no == 10002))
        assert {row["word"] for row in rows} == {"anna"}

    def test_is_felt_at_once_by_who_is_logged_in(self, page, api):
        assert api.get("/api/me").json()["first_name"] == "Ann"
        (number,) = [api.get("/api/me").json()["emp_no"]]
        page.post(f"/employees/{number}/edit", data={**EDITED, "version": "1"})
        assert api.get("/api/me").json()["first_name"] == "Anna"

    def test_the_second_is_told_what_has_changed_and_keeps_what_they_typed(self, page, fragment, ann, run):
        mine = {**EDITED, "version": "1"}
        theirs = {**mine, "email": "other@example.com", "first_name": "Annika"}
        assert page.post("/employees/10002/edit", data=theirs).status_code == 303
        answer = page.post("/employees/10002/edit", data=mine)
        assert answer.status_code == 409
        assert "<title>Error: " in answer.text
        assert "It is now Annika; in your form it is Anna" in answer.text
        assert "It is now other@example.com; in your form it is anna@example.com" in answer.text
        assert "Last name: " not in answer.text
        assert 'value="anna@example.com"' in answer.text
        assert 'name="version" value="2"' in answer.text
        assert run(staff.with_number, 10002).first_name == "Annika"
        told = fragment.post("/employees/10002/edit", data=mine)
        assert (told.status_code, told.headers["hx-retarget"]) == (409, "#employee_edit")
        assert page.post("/employees/10002/edit", data={**mine, "version": "2"}).status_code == 303
        assert run(staff.with_number, 10002).first_name == "Anna"

    def test_two_who_type_the_same_are_both_served(self, page, ann, run):
        for _ in range(2):
            assert page.post("/employees/10002/edit", data={**EDITED, "version": "1"}).status_code == 303
        assert run(staff.with_number, 10002).version == 2

    def test_json_by_if_match(self, program, ann):
        path, first = "/api/employees/10002", {"If-Match": '"1"'}
        answer = program.patch(path, json={"first_name": "Anna"}, headers=first)
        assert (answer.status_code, answer.headers["etag"], answer.json()["first_name"]) == (200, '"2"', "Anna")
        late = program.patch(path, json={"first_name": "Annika", "last_name": "Lee"}, headers=first)
        assert (late.status_code, late.headers["etag"]) == (412, '"2"')
        body = late.json()
        assert (body["error"], body["version"]) == ("changed_meanwhile", 2)
        assert body["changed"] == {"first_name": {"yours": "Annika", "now": "Anna"}}
        for tag, status in (('W/"2"', 412), ('"x"', 412), ("*", 200), ('"3"', 200)):
            answer = program.patch(path, json={"first_name": f"A{status}"}, headers={"If-Match": tag})
            assert answer.status_code == status, tag

    def test_json_by_version(self, program, ann):
        path = "/api/employees/10002"
        assert program.patch(path, json={"first_name": "Anna"}).status_code == 428
        assert program.patch(path, json={"first_name": "Anna", "version": 1}).status_code == 200
        assert program.patch(path, json={"first_name": "Annika", "version": 1}).status_code == 409
        assert program.put(path, json={"first_name": "Annika", "version": 2}).status_code == 400
        whole = {**EDITED, "version": 2}
        assert program.put(path, json=whole).json()["last_name"] == "Løw"

    @pytest.mark.parametrize(("field", "value", "said"), WRONG)
    def test_the_rules_are_those_of_a_new_employee(self, page, program, ann, run, field, value, said):
        if value == "\ud800":
            return
        form = {**NEW, field: value, "version": "1"}
        assert said in page.post("/employees/10002/edit", data=form).text
        answer = program.put("/api/employees/10002", json=form)
        assert answer.status_code == 400
        assert said in answer.json()["fields"][field]
        assert run(staff.with_number, 10002) == ann

    def test_a_part_must_fit_to_what_is_kept(self, program, ann):
        path = "/api/employees/10002"
        assert program.patch(path, json={"birth_date": "1990-01-01", "version": 1}).status_code == 200
        answer = program.patch(path, json={"hire_date": "1989-01-01", "version": 2})
        assert answer.json()["fields"] == {"hire_date": "Enter a hire date after the birth date"}

    def test_an_email_that_somebody_has_is_refused_and_nothing_changes(self, page, ann, run):
        answer = page.post("/employees/10002/edit", data={**EDITED, "email": "boss@example.com", "version": "1"})
        assert answer.status_code == 422
        assert "Another employee has this email" in answer.text
        assert run(staff.with_number, 10002) == ann


class TestPages:
    """What the buttons do in a browser and in an HTMX page; that JSON does the same is tested in test_administration."""

    def test_scopes(self, page, fragment, ann, run):
        assert 'value="admin:read"' in page.get("/employees/10002/scopes").text
        answer = page.post("/employees/10002/scopes", data={"scopes": ["user:read", "admin:read"], "version": "1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/employees/10002")
        assert run(staff.with_number, 10002).scopes == ("user:read", "admin:read")
        late = fragment.post("/employees/10002/scopes", data={"scopes": [], "version": "1"})
        assert (late.status_code, late.headers["hx-retarget"]) == (409, "#employee_scopes")
        assert 'name="version" value="2"' in late.text

    def test_deactivate_and_activate(self, page, fragment, ann, run):
        assert page.post("/employees/10002/deactivate").headers["location"] == "/employees/10002"
        text = page.get("/employees/10002").text
        assert "The account is deactivated" in text
        assert "Make a password link" not in text
        assert "Deactivated" in page.get("/employees").text
        assert fragment.post("/employees/10002/activate").headers["hx-redirect"] == "/employees/10002"
        assert run(staff.with_number, 10002).is_active

    def test_password_link_is_shown_once(self, page, fragment, ann):
        for client in (page, fragment):
            answer = client.post("/employees/10002/password-link")
            assert answer.status_code == 200
            assert "/auth/link?token=" in answer.text
            assert "token=" not in client.get("/employees/10002").text

    def test_their_sign_ins(self, page, fragment, api, ann):
        number = api.get("/api/me").json()["emp_no"]
        text = page.get(f"/employees/{number}").text
        action = text.split("/sign-ins/")[1].split("/end")[0]
        assert page.post(f"/employees/{number}/sign-ins/{action}/end").status_code == 303
        assert api.get("/api/me").status_code == 401
        assert fragment.post(f"/employees/{number}/sign-ins/end-all").status_code == 204
        assert "Not logged in anywhere" in page.get(f"/employees/{number}").text

    def test_a_refusal_is_told_in_the_clients_form(self, page, fragment, program, boss):
        path = f"/employees/{boss.emp_no}/deactivate"
        assert page.post(path).text.startswith("<!doctype html>")
        told = fragment.post(path)
        assert (told.status_code, told.headers["hx-retarget"]) == (409, "#flash")
        assert "You cannot deactivate yourself" in program.post(f"/api{path}").json()["detail"]


@pytest.mark.parametrize("numbers", [[2**31 - 1], [10002, 2**31 - 2, 2**31 - 1]])
def test_an_import_may_use_the_largest_number(page, run, numbers):
    for number in numbers:
        row = {"emp_no": number, "email": f"e{number}@example.com", "password_hash": passwords.UNUSABLE}
        names = {"first_name": "Max", "last_name": "Last", "scopes": "", "is_active": True, "changed": 0.0}
        run(database.execute, insert(employees).values(**row, **names))
    answer = page.post("/employees", data=NEW)
    assert answer.headers["location"] == f"/employees/{10002 if len(numbers) == 1 else 10003}"
    assert page.get(answer.headers["location"]).status_code == 200
