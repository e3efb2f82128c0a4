"""A personal access token can neither become nor make a way in: every route with one that may do everything."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests import accounts
from tests.conftest import API, BROWSER, HTMX, PASSWORD, client_like, log_in
from tests.test_change_password import NEW
from tests.test_forgot import inbox, mailed  # noqa: F401  the fixture
from tests.test_links import COMMAND, made, token_in
from tests.test_scopes import every_route
from webapp import employees as staff
from webapp.auth import authority, passwords, set_up
from webapp.database import database
from webapp.tables import attempts, employees, sign_ins

SUPER = ("user:read", "user:write", "super:*")
ALLOWED, REFUSED = "allowed", "refused"
# What each route does for a personal access token, and what is sent: "{…}" is filled in by the test. A route that is
# not in this table fails the test: decide whether it could become or make a way in, and write it down.
NAMES = {"first_name": "New", "last_name": "Name"}
DECIDED = {
    "GET /": (ALLOWED, {}),
    "GET /auth/login": (ALLOWED, {}),
    # A login proves who it is with a password or a refresh token; the header neither helps nor hinders.
    "POST /auth/token": (ALLOWED, {"username": "boss@example.com", "password": "wrong"}),
    "POST /api/login": (ALLOWED, {"username": "boss@example.com", "password": "wrong"}),
    "POST /api/refresh": (ALLOWED, {"grant_type": "refresh_token", "refresh_token": "{token}"}),
    "GET /auth/relogin": (ALLOWED, {}),
    "GET /static": (ALLOWED, {}),
    "GET /auth/link": (ALLOWED, {}),
    "POST /auth/link": (REFUSED, {"token": "{link}", "new_password": NEW}),
    "GET /api/link": (ALLOWED, {}),
    "POST /api/link": (REFUSED, {"token": "{link}", "new_password": NEW}),
    "GET /auth/forgot": (ALLOWED, {}),
    "POST /auth/forgot": (REFUSED, {"email": "other@example.com"}),
    "GET /api/forgot": (ALLOWED, {}),
    "POST /api/forgot": (REFUSED, {"email": "other@example.com"}),
    "GET /auth/set-up": (ALLOWED, {}),
    "POST /auth/set-up": (REFUSED, {"token": "{set_up}", "email": "x@example.com", "new_password": NEW, **NAMES}),
    "POST /api/set-up": (REFUSED, {"token": "{set_up}", "email": "x@example.com", "new_password": NEW, **NAMES}),
    "GET /.well-known/change-password": (ALLOWED, {}),
    "GET /healthz": (ALLOWED, {}),
    "GET /auth/home": (ALLOWED, {}),
    # Its owner's account: what they say of themselves, and their notes, are no way in.
    "POST /auth/sign-ins/end-others": (REFUSED, {}),
    "POST /auth/sign-ins/{id}/end": (REFUSED, {}),
    "POST /api/sign-ins/end-others": (REFUSED, {}),
    "POST /api/sign-ins/{id}/end": (REFUSED, {}),
    "GET /auth/password": (REFUSED, {}),
    "POST /auth/password": (REFUSED, {"current_password": PASSWORD, "new_password": NEW}),
    "GET /api/password": (REFUSED, {}),
    "POST /api/password": (REFUSED, {"current_password": PASSWORD, "new_password": NEW}),
    "GET /api/me": (ALLOWED, {}),
    "GET /admin/me": (ALLOWED, {}),
    "GET /auth/sign-ins": (ALLOWED, {}),
    "GET /api/sign-ins": (ALLOWED, {}),
    "PATCH /api/me": (ALLOWED, {"preferred_name": "Boss"}),
    "POST /admin/me": (ALLOWED, {"preferred_name": "Boss", "about": ""}),
    "POST /auth/tokens": (REFUSED, {"name": "another", "scopes": "super:*", "ends": "{day}"}),
    "POST /api/tokens": (REFUSED, {"name": "another", "scopes": "super:*", "ends": "{day}"}),
    "POST /notes": (ALLOWED, {"text": "a note"}),
    "POST /notes/{id:int}": (ALLOWED, {"text": "a note"}),
    "GET /notes": (ALLOWED, {}),
    "GET /notes/{id:int}": (ALLOWED, {}),
    "GET /notes/{id:int}/edit": (ALLOWED, {}),
    "POST /notes/{id:int}/delete": (ALLOWED, {}),
    # Other employees, here of one who has more than the `user:` scopes.
    "GET /employees": (ALLOWED, {}),
    "GET /employees/{emp_no}/log": (ALLOWED, {}),
    "GET /api/employees/{emp_no}/log": (ALLOWED, {}),
    "GET /employees/{emp_no}": (ALLOWED, {}),
    "GET /api/employees": (ALLOWED, {}),
    "GET /api/employees/{emp_no}": (ALLOWED, {}),
    "GET /api/employees/{emp_no}/sign-ins": (ALLOWED, {}),
    "POST /employees": (ALLOWED, {"email": "new1@example.com", **NAMES}),
    "POST /api/employees": (ALLOWED, {"email": "new2@example.com", **NAMES}),
    "GET /employees/new": (ALLOWED, {}),
    "GET /employees/{emp_no}/edit": (ALLOWED, {}),
    "POST /employees/{emp_no}/edit": (REFUSED, {"email": "thief@example.com", **NAMES}),
    "PATCH /api/employees/{emp_no}": (REFUSED, {"email": "thief@example.com"}),
    "PUT /api/employees/{emp_no}": (REFUSED, {"email": "thief@example.com", **NAMES}),
    "GET /employees/{emp_no}/scopes": (ALLOWED, {}),
    "POST /employees/{emp_no}/scopes": (REFUSED, {"scopes": ["user:read"]}),
    "PUT /api/employees/{emp_no}/scopes": (REFUSED, {"scopes": ["user:read"]}),
    "POST /employees/{emp_no}/deactivate": (REFUSED, {}),
    "POST /api/employees/{emp_no}/deactivate": (REFUSED, {}),
    "POST /employees/{emp_no}/activate": (REFUSED, {}),
    "POST /api/employees/{emp_no}/activate": (REFUSED, {}),
    "POST /employees/{emp_no}/password-link": (REFUSED, {}),
    "POST /api/employees/{emp_no}/password-link": (REFUSED, {}),
    "POST /employees/{emp_no}/sign-ins/end-all": (REFUSED, {}),
    "POST /api/employees/{emp_no}/sign-ins/end-all": (REFUSED, {}),
    "POST /employees/{emp_no}/sign-ins/{id}/end": (REFUSED, {}),
    "POST /api/employees/{emp_no}/sign-ins/{id}/end": (REFUSED, {}),
    # It ends its own sign-in: test_logging_out_ends_itself_alone.
    "POST /auth/logout": (ALLOWED, {}),
    "POST /api/logout": (ALLOWED, {}),
}


def test_every_route_is_decided():
    assert every_route().keys() == DECIDED.keys()


@pytest.fixture
def boss(person):
    """An administrator who may do everything, logged in with a password."""
    return person("boss", *SUPER)


@pytest.fixture
def program(anonymous, boss, moved_clock):
    """Return a program with a personal access token of the administrator, which speaks as one of the three clients."""
    body = {"name": "x", "scopes": ["super:*"], "ends": in_a_week(moved_clock)}
    token = boss.client.post("/api/tokens", json=body).json()["access_token"]
    return lambda headers=API: client_like(anonymous, {**headers, "Authorization": f"Bearer {token}"})


def in_a_week(moved_clock):
    return datetime.fromtimestamp(moved_clock.time + 86400 * 7, UTC).date().isoformat()


def ways_in(run):
    """Return all by which anybody can get in: emails, scopes, hashes, who is active, and the living sign-ins."""
    columns = (employees.c.emp_no, employees.c.email, employees.c.scopes, employees.c.password_hash)
    people = run(database.fetch_all, select(*columns, employees.c.is_active).order_by(employees.c.emp_no))
    living = run(database.fetch_all, select(sign_ins.c.id).where(sign_ins.c.ended.is_(None)).order_by(sign_ins.c.id))
    return [tuple(row._mapping.values()) for row in people], [row["id"] for row in living]


@pytest.mark.parametrize("headers", [BROWSER, HTMX, API], ids=["browser", "htmx", "api"])
def test_each_route_with_a_token_that_may_do_everything(run, person, boss, program, inbox, moved_clock, headers):  # noqa: F811
    """ASVS 8.2.1, 8.2.3."""
    other, gone = person("other", *SUPER), person("gone", *SUPER)
    run(accounts.deactivate, gone.emp_no)
    client, before = program(headers), ways_in(run)
    fill = {
        "{token}": client.headers["Authorization"].partition(" ")[2],
        "{link}": token_in(made(run, run(staff.with_number, other.emp_no))),
        "{set_up}": run(set_up.new_token),
        "{day}": in_a_week(moved_clock),
    }
    whole = run(database.fetch_val, select(sign_ins.c.id).where(sign_ins.c.emp_no == other.emp_no))
    for name, (decided, sent) in DECIDED.items():
        method, path = name.split()
        if path.endswith("/logout"):
            continue  # it would end itself
        target = gone if path.endswith("/activate") else other
        path = path.replace("{emp_no}", str(target.emp_no)).replace("{id}", whole).replace("{id:int}", "1")
        body = {field: fill.get(value, value) if isinstance(value, str) else value for field, value in sent.items()}
        answer = send(client, method, path, body)
        is_refused = answer.status_code == 403
        assert is_refused == (decided == REFUSED), (name, answer.status_code, answer.text)
        assert answer.status_code not in (401, 500), name
        if is_refused:
            assert authority.NOT_BY_A_TOKEN in answer.text, name
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    people, living = ways_in(run)
    assert people[: len(before[0])] == before[0]
    assert living == before[1]
    for _, _, scopes, password_hash, _ in people[len(before[0]) :]:
        assert scopes == "user:read user:write"
        assert password_hash == passwords.UNUSABLE
    assert mailed(run, inbox) == []


def send(client, method, path, body):
    """Send a body in the form that a route takes, with leave to change whichever version there is."""
    if method == "GET":
        return client.get(path)
    as_json = path.startswith("/api/employees") or (method == "PATCH")
    return client.request(method, path, headers={"If-Match": "*"}, **{"json" if as_json else "data": body})


@pytest.mark.parametrize("path", ["/auth/logout", "/api/logout"])
def test_logging_out_ends_itself_alone(run, boss, program, path):
    client = program()
    assert client.post(path).status_code < 400
    assert client.get("/api/me").status_code == 401
    assert boss.client.get("/api/me").status_code == 200


class TestWhatItMayDo:
    def test_equal_values_are_no_change(self, person, program, run):
        """A program that writes whole employees need not know what it may not change."""
        other = person("other", *SUPER)
        path, body = f"/api/employees/{other.emp_no}", {"email": "Other@Example.com", **NAMES}
        assert program().put(path, json=body, headers={"If-Match": "*"}).status_code == 200
        assert run(staff.with_number, other.emp_no).first_name == "New"
        scopes = {"scopes": [*reversed(SUPER)]}
        assert program().put(f"{path}/scopes", json=scopes, headers={"If-Match": "*"}).status_code == 200
        assert run(staff.with_number, other.emp_no).scopes == SUPER

    def test_an_email_goes_with_nothing_else(self, person, program, run):
        other = person("other", "user:read")
        body = {"email": "thief@example.com", "first_name": "Changed"}
        answer = program().patch(f"/api/employees/{other.emp_no}", json=body, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["detail"]) == (403, authority.NOT_BY_A_TOKEN)
        assert run(staff.with_number, other.emp_no).first_name == "Other"

    @pytest.mark.parametrize("scopes", [(), ("user:read",), ("user:read", "user:write")])
    def test_who_has_no_more_than_the_user_scopes_is_deactivated_and_logged_out(self, person, program, run, scopes):
        other, third = person("other", *scopes), person("third", *scopes)
        assert program().post(f"/api/employees/{other.emp_no}/deactivate").status_code == 200
        assert not run(staff.with_number, other.emp_no).is_active
        assert program().post(f"/api/employees/{third.emp_no}/sign-ins/end-all").status_code == 200
        assert third.client.get("/auth/home").status_code == 303
        answer = program().post(f"/api/employees/{other.emp_no}/activate")
        assert (answer.status_code, answer.json()["detail"]) == (403, authority.NOT_BY_A_TOKEN)

    @pytest.mark.parametrize("scope", ["admin:read", "admin:write", "super:*"])
    @pytest.mark.parametrize("path", ["/deactivate", "/sign-ins/end-all"])
    def test_who_has_more_is_not(self, person, program, run, scope, path):
        other = person("other", "user:read", scope)
        assert program().post(f"/api/employees/{other.emp_no}{path}").status_code == 403
        assert run(staff.with_number, other.emp_no).is_active
        assert other.client.get("/auth/home").status_code == 200

    def test_a_program_that_has_logged_in_is_its_owner(self, boss, person, run):
        """An API session has a password behind it."""
        other = person("other", "user:read")
        path, if_match = f"/api/employees/{other.emp_no}", {"If-Match": "*"}
        assert boss.client.patch(path, json={"email": "new@example.com"}, headers=if_match).status_code == 200
        assert boss.client.put(f"{path}/scopes", json={"scopes": ["super:*"]}, headers=if_match).status_code == 200
        assert boss.client.post(f"{path}/deactivate").status_code == 200
        assert boss.client.post(f"{path}/activate").status_code == 200
        assert boss.client.post(f"{path}/password-link").status_code == 201


class TestWhomItAdds:
    """An employee gets in only after an administrator has invited them."""

    @pytest.fixture
    def added(self, program):
        answer = program().post("/api/employees", json={"email": "thief@example.com", **NAMES})
        assert (answer.status_code, answer.json()["scopes"]) == (201, ["user:read", "user:write"])
        return answer.json()["emp_no"]

    def ask(self, anonymous, run, inbox):  # noqa: F811
        """Ask for a link as anybody may, and return the recipients of the mails."""
        answer = client_like(anonymous, API).post("/api/forgot", data={"email": "thief@example.com"})
        assert answer.status_code == 202
        return [mail["to"] for mail in mailed(run, inbox)]

    def test_is_mailed_no_link(self, anonymous, run, added, inbox, caplog):  # noqa: F811
        unknown = client_like(anonymous, API).post("/api/forgot", data={"email": "nobody@example.com"})
        answer = client_like(anonymous, API).post("/api/forgot", data={"email": "thief@example.com"})
        assert (answer.content, answer.status_code) == (unknown.content, unknown.status_code)
        assert mailed(run, inbox) == []
        assert [record for record in caplog.records if record.name == "latchkey"] == []
        assert [row["outcome"] for row in run(database.fetch_all, select(attempts))].count("asked") == 2

    def test_cannot_be_given_another_email_scopes_or_link(self, anonymous, run, program, added, inbox):  # noqa: F811
        path, client = f"/api/employees/{added}", program()
        for method, further, sent in (
            ("PATCH", "", {"email": "boss2@example.com"}),
            ("PUT", "/scopes", {"scopes": ["super:*"]}),
            ("PUT", "/scopes", {"scopes": ["user:read"]}),
            ("POST", "/password-link", None),
        ):
            assert client.request(method, path + further, json=sent, headers={"If-Match": "*"}).status_code == 403
        assert self.ask(anonymous, run, inbox) == []

    def test_deactivated_and_changed_otherwise_they_still_wait(self, anonymous, run, program, boss, added, inbox):  # noqa: F811
        path, if_match = f"/api/employees/{added}", {"If-Match": "*"}
        assert program().patch(path, json={"first_name": "Ann"}, headers=if_match).status_code == 200
        assert program().post(f"{path}/deactivate").status_code == 200
        assert boss.client.post(f"{path}/activate").status_code == 200
        assert boss.client.patch(path, json={"last_name": "Lee"}, headers=if_match).status_code == 200
        assert self.ask(anonymous, run, inbox) == []

    @pytest.mark.parametrize("by_command", [False, True], ids=["page", "command"])
    def test_is_invited_by_an_administrator(self, anonymous, run, boss, added, inbox, by_command):  # noqa: F811
        if by_command:
            link = made(run, run(staff.with_number, added), COMMAND)
        else:
            answer = boss.client.post(f"/api/employees/{added}/password-link").json()
            assert answer["expires_in"] == 604800
            link = answer["link"]
        form = {"token": token_in(link), "new_password": NEW}
        assert self.ask(anonymous, run, inbox) == ["thief@example.com"]
        assert client_like(anonymous, API).post("/api/link", data=form).status_code == 200

    def test_whom_an_administrator_adds_need_not_wait(self, anonymous, run, boss, inbox):  # noqa: F811
        boss.client.post("/api/employees", json={"email": "thief@example.com", **NAMES})
        assert self.ask(anonymous, run, inbox) == ["thief@example.com"]


def test_the_token_with_which_somebody_logs_in_is_their_own(run, anonymous, boss, program):
    """A header that has no part in it makes a login neither better nor worse."""
    answer = log_in(program(), "/api/login", username=boss.email)
    assert answer.status_code == 200
    assert json.loads(answer.content)["access_token"] not in program().headers["Authorization"]


def test_a_token_that_has_ended_is_nobodys(run, anonymous, program, inbox):  # noqa: F811
    """It is as if there were none."""
    client = program()
    assert client.post("/api/logout").status_code == 200
    assert client.post("/api/forgot", data={"email": "other@example.com"}).status_code == 202
