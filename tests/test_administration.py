"""What administrators may do to employees, and what nobody may do: no way leads to more than one has."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from tests.conftest import API, BROWSER, EMAIL, client_like, log_in
from webapp import employees as staff
from webapp.auth import administration, authority, passwords, signins
from webapp.auth.held import SignIn, held
from webapp.database import database
from webapp.pages.employee_account import NOT_SAID
from webapp.tables import audit, employees

ADMIN = ("user:read", "user:write", "admin:write")
SUPER = ("user:read", "user:write", "super:*")
# Each change of somebody else: the path after their number, and what is sent.
CHANGES = [
    ("PATCH", "", {"json": {"email": "evil@example.com", "version": 1}}),
    ("PUT", "/scopes", {"json": {"scopes": ["user:read"], "version": 1}}),
    ("POST", "/deactivate", {}),
    ("POST", "/activate", {}),
    ("POST", "/password-link", {}),
    ("POST", "/sign-ins/end-all", {}),
    ("POST", f"/sign-ins/{'a' * 22}/end", {}),
]


def now(run, person):
    return run(staff.with_number, person.emp_no)


def noted(run):
    rows = run(database.fetch_all, select(audit).order_by(audit.c.id))
    return [(row["actor"], row["action"], row["emp_no"], json.loads(row["details"])) for row in rows]


@pytest.mark.parametrize(("method", "path", "sent"), CHANGES)
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(ADMIN, SUPER), (ADMIN, ("super:*",)), (("admin:write",), ("user:write",)), (("admin:write", "user:read"), ADMIN)],
)
def test_nobody_changes_somebody_who_may_do_more(person, run, method, path, sent, mine, theirs):
    """ASVS 8.2.1."""
    admin, other = person("admin", *mine), person("other", *theirs)
    before = now(run, other)
    answer = admin.client.request(method, f"/api/employees/{other.emp_no}{path}", **sent)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert now(run, other) == before
    assert other.client.get("/api/logout").status_code == 405, "their sign-in lives"
    assert noted(run) == []


@pytest.mark.parametrize("path", ["edit", "scopes"])
def test_nobody_sees_a_form_that_they_may_not_send(anonymous, person, path):
    person("admin", *ADMIN)
    other = person("other", *SUPER)
    browser = client_like(anonymous, BROWSER)
    log_in(browser, username="admin@example.com")
    assert browser.get(f"/employees/{other.emp_no}/{path}").status_code == 403
    shown = browser.get(f"/employees/{other.emp_no}").text
    assert "Deactivate" not in shown
    assert "Make a password link" not in shown


@pytest.mark.parametrize("given", [["super:*"], ["user:read", "super:*"]])
def test_nobody_gives_what_they_do_not_have(person, run, given):
    """ASVS 8.2.1."""
    admin, other = person("admin", *ADMIN), person("other", "user:read")
    for who in (admin, other):
        body = {"scopes": given, "version": 1}
        assert admin.client.put(f"/api/employees/{who.emp_no}/scopes", json=body).status_code == 403
    assert now(run, other).scopes == ("user:read",)
    assert now(run, admin).scopes == ADMIN


def test_scopes_count_from_the_next_request_on(person, run):
    """ASVS 8.3.2."""
    boss, other = person("boss", *SUPER), person("other", "user:read")
    assert other.client.get("/api/employees").status_code == 403
    body = {"scopes": ["admin:read"], "version": 1}
    answer = boss.client.put(f"/api/employees/{other.emp_no}/scopes", json=body)
    assert (answer.status_code, answer.json()["scopes"], answer.json()["version"]) == (200, ["admin:read"], 2)
    assert other.client.get("/api/employees").status_code == 200
    assert noted(run) == [(boss.emp_no, "scopes changed", other.emp_no, {"scopes": [["user:read"], ["admin:read"]]})]


@pytest.mark.parametrize("scope", ["root", "super", "authenticated", "user:read super:* x"])
def test_unknown_scopes_are_refused(person, run, scope):
    boss, other = person("boss", *SUPER), person("other", "user:read")
    body = {"scopes": [scope], "version": 1}
    assert boss.client.put(f"/api/employees/{other.emp_no}/scopes", json=body).status_code == 400
    assert now(run, other).scopes == ("user:read",)


def test_a_second_change_of_scopes_is_told_so(person):
    boss, other = person("boss", *SUPER), person("other", "user:read")
    path = f"/api/employees/{other.emp_no}/scopes"
    assert boss.client.put(path, json={"scopes": []}).status_code == 428
    assert boss.client.put(path, json={"scopes": [], "version": 1}).status_code == 200
    assert boss.client.put(path, json={"scopes": ["admin:read"], "version": 1}).status_code == 409
    assert boss.client.put(path, json={"scopes": ["admin:read"]}, headers={"If-Match": '"1"'}).status_code == 412


@pytest.mark.parametrize("sent", [{"version": 1}, {}])
def test_scopes_that_were_forgotten_take_nothing_away(person, run, sent):
    boss, other = person("boss", *SUPER), person("other", *ADMIN)
    path = f"/api/employees/{other.emp_no}/scopes"
    answer = boss.client.put(path, json=sent, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["detail"]) == (400, NOT_SAID)
    assert now(run, other).scopes == ADMIN


class TestTheLastOne:
    def test_cannot_give_it_up(self, person, run):
        boss = person("boss", *SUPER)
        body = {"scopes": list(ADMIN), "version": 1}
        answer = boss.client.put(f"/api/employees/{boss.emp_no}/scopes", json=body)
        assert (answer.status_code, answer.json()["detail"]) == (409, administration.LAST_ONE)
        assert now(run, boss).scopes == SUPER

    def test_cannot_be_deactivated(self, person, run):
        boss = person("boss", *SUPER)
        answer = boss.client.post(f"/api/employees/{boss.emp_no}/deactivate")
        assert (answer.status_code, answer.json()["detail"]) == (409, administration.NOT_YOURSELF)
        assert now(run, boss).is_active

    def test_a_deactivated_one_does_not_count(self, person, run):
        boss, other = person("boss", *SUPER), person("other", *SUPER)
        assert boss.client.post(f"/api/employees/{other.emp_no}/deactivate").status_code == 200
        body = {"scopes": [], "version": 1}
        assert boss.client.put(f"/api/employees/{boss.emp_no}/scopes", json=body).status_code == 409

    def test_of_two_one_may_go(self, person, run):
        boss, other = person("boss", *SUPER), person("other", *SUPER)
        body = {"scopes": ["user:read"], "version": 1}
        assert boss.client.put(f"/api/employees/{boss.emp_no}/scopes", json=body).status_code == 200
        assert now(run, other).scopes == SUPER

    @pytest.mark.parametrize("ways", [("scopes", "scopes"), ("active", "active"), ("scopes", "active"), ("own", "own")])
    def test_remains_when_two_go_for_each_other_at_once(self, person, run, ways):
        """On each engine: both transactions are on their way before one of them ends."""
        pair = [person("boss", *SUPER), person("other", *SUPER)]
        sign_ins = {sign_in.employee.emp_no: sign_in for sign_in in map(loaded(run), pair)}

        async def one(mine, theirs, way):
            request = asking(sign_ins[mine.emp_no])
            if way != "active":
                await administration.change_scopes(request, (mine if way == "own" else theirs).emp_no, None, ())
            else:
                await administration.set_active(request, theirs.emp_no, is_active=False)

        async def both():
            tasks = [one(*pair, ways[0]), one(*reversed(pair), ways[1])]
            return await asyncio.gather(*map(asyncio.create_task, tasks), return_exceptions=True)

        for _ in range(5):
            results = run(both)
            left = [one for one in (now(run, who) for who in pair) if one.is_active and "super:*" in one.scopes]
            assert len(left) == 1, results
            assert sum(result is None for result in results) == 1, results
            run(database.execute, update(employees).values(is_active=True, scopes=" ".join(SUPER)))
            run(reopened)


def loaded(run):
    """Return how a person's one sign-in is loaded."""
    from webapp.tables import sign_ins

    def load(who):
        sid = run(database.fetch_val, select(sign_ins.c.id).where(sign_ins.c.emp_no == who.emp_no))
        return run(signins.load, sid)

    return load


async def reopened():
    """Open again what was ended."""
    from webapp.tables import sign_ins

    await database.execute(update(sign_ins).values(ended=None, ended_why=None))
    held.sign_ins.clear()


def asking(sign_in: SignIn):
    """Return a request of a sign-in's employee, as a worker holds it."""
    return SimpleNamespace(
        user=sign_in.employee,
        auth=SimpleNamespace(scopes=list(sign_in.scopes), sign_in=sign_in),
        scope={"user": sign_in.employee, "path": "/api/x", "headers": []},
        client=None,
    )


class TestActivation:
    def test_deactivation_ends_every_sign_in_at_once_and_deletes_nothing(self, person, run):
        """ASVS 7.4.2."""
        boss, other = person("boss", *SUPER), person("other", "user:read")
        assert other.client.get("/api/me").status_code == 200
        assert boss.client.post(f"/api/employees/{other.emp_no}/deactivate").status_code == 200
        assert other.client.get("/api/me").status_code == 401
        assert log_in(client_like(other.client, API), "/api/login", username=other.email).status_code == 400
        assert now(run, other).email == other.email
        assert boss.client.post(f"/api/employees/{other.emp_no}/activate").status_code == 200
        assert other.client.get("/api/me").status_code == 401
        assert log_in(client_like(other.client, API), "/api/login", username=other.email).status_code == 200
        assert [(actor, action, whom) for actor, action, whom, _ in noted(run)] == [
            (boss.emp_no, "deactivated", other.emp_no),
            (boss.emp_no, "activated", other.emp_no),
        ]

    def test_what_is_so_already_is_not_noted_again(self, person, run):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        assert boss.client.post(f"/api/employees/{other.emp_no}/activate").status_code == 200
        assert noted(run) == []


class TestPasswordLink:
    def test_sets_the_first_password(self, person, run, anonymous):
        boss = person("boss", *SUPER)
        added = boss.client.post(
            "/api/employees", json={"email": "new@example.com", "first_name": "N", "last_name": "E"}
        )
        assert added.status_code == 201
        answer = boss.client.post(f"{added.headers['location']}/password-link")
        assert answer.status_code == 201
        token = answer.json()["link"].partition("token=")[2]
        form = {"token": token, "new_password": "quite another horse battery"}
        assert client_like(anonymous, API).post("/api/link", data=form).status_code == 200

    def test_of_a_deactivated_account_is_refused(self, person):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        boss.client.post(f"/api/employees/{other.emp_no}/deactivate")
        assert boss.client.post(f"/api/employees/{other.emp_no}/password-link").status_code == 409

    def test_a_personal_token_makes_none(self, person, moved_clock):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        program = with_token(boss, moved_clock, "super:*")
        assert program.get("/api/employees").status_code == 200
        assert program.post(f"/api/employees/{other.emp_no}/password-link").status_code == 403

    def test_is_dead_once_the_employee_may_do_more(self, person, run, anonymous):
        """ASVS 8.2.1: who made it for somebody below them does not come in as somebody above them."""
        boss, admin, other = person("boss", *SUPER), person("admin", *ADMIN), person("other", "user:read")
        token = admin.client.post(f"/api/employees/{other.emp_no}/password-link").json()["link"].partition("token=")[2]
        body = {"scopes": ["super:*"], "version": 1}
        assert boss.client.put(f"/api/employees/{other.emp_no}/scopes", json=body).status_code == 200
        form = {"token": token, "new_password": "quite another horse battery"}
        assert client_like(anonymous, API).post("/api/link", data=form).status_code == 410


def with_token(owner, moved_clock, *scopes):
    """Return a program with a personal access token of an employee."""
    ends = datetime.fromtimestamp(moved_clock.time + 86400 * 9, UTC).date().isoformat()
    made = owner.client.post("/api/tokens", data={"name": "x", "ends": ends, "scopes": scopes})
    return client_like(owner.client, {**API, "Authorization": f"Bearer {made.json()['access_token']}"})


class TestPersonalToken:
    @pytest.mark.parametrize(("method", "path", "sent"), CHANGES)
    def test_changes_nothing_of_its_owners_account(self, person, run, moved_clock, method, path, sent):
        """ASVS 7.5.1: with another email of one's own, a link by mail would be a way to the password."""
        boss, _ = person("boss", *SUPER), person("other", *SUPER)
        before, program = now(run, boss), with_token(boss, moved_clock, *SUPER)
        answer = program.request(method, f"/api/employees/{boss.emp_no}{path}", **sent)
        assert (answer.status_code, answer.json()["detail"]) == (403, authority.NOT_BY_A_TOKEN)
        assert now(run, boss) == before
        assert boss.client.get("/api/me").status_code == 200
        assert noted(run) == []

    def test_that_may_do_less_than_its_owner_adds_employees(self, person, run, moved_clock):
        boss = person("boss", *SUPER)
        program = with_token(boss, moved_clock, "user:read", "admin:write")
        sent = {"email": "new@example.com", "first_name": "N", "last_name": "E"}
        answer = program.post("/api/employees", json=sent)
        assert (answer.status_code, answer.json()["scopes"]) == (201, ["user:read"])


class TestTheirSignIns:
    def test_one_is_ended(self, person, run):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        path = f"/api/employees/{other.emp_no}/sign-ins"
        (row,) = boss.client.get(path).json()["sign_ins"]
        assert boss.client.post(f"{path}/{row['id']}/end").status_code == 200
        assert other.client.get("/api/me").status_code == 401
        assert boss.client.post(f"{path}/{row['id']}/end").status_code == 404
        assert noted(run) == [(boss.emp_no, "sign-in ended by an administrator", other.emp_no, {"count": 1})]

    def test_all_are_ended(self, person):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        assert boss.client.post(f"/api/employees/{other.emp_no}/sign-ins/end-all").status_code == 200
        assert other.client.get("/api/me").status_code == 401
        assert boss.client.get("/api/me").status_code == 200

    def test_anothers_is_not_found_under_this_number(self, person):
        boss, other = person("boss", *SUPER), person("other", "user:read")
        (row,) = boss.client.get(f"/api/employees/{boss.emp_no}/sign-ins").json()["sign_ins"]
        assert boss.client.post(f"/api/employees/{other.emp_no}/sign-ins/{row['id']}/end").status_code == 404


@pytest.mark.parametrize("number", ["0", "99999", "4294967296", "1e3", "-1", "١", "010001", "x"])
@pytest.mark.parametrize("path", ["", "/sign-ins"])
def test_an_unknown_number_is_not_found(person, number, path):
    boss = person("boss", *SUPER)
    assert boss.client.get(f"/api/employees/{number}{path}").status_code == 404
    assert boss.client.post(f"/api/employees/{number}/deactivate").status_code == 404


def test_a_scope_that_was_taken_away_meanwhile_counts_no_longer(person, run, monkeypatch):
    """This worker has not heard of it yet: the database is asked."""
    admin, other = person("admin", *ADMIN), person("other", "user:read")
    assert admin.client.get("/api/me").status_code == 200
    run(database.execute, update(employees).where(employees.c.emp_no == admin.emp_no).values(scopes="user:read"))
    assert admin.client.post(f"/api/employees/{other.emp_no}/deactivate").status_code == 403
    assert now(run, other).is_active


def test_nobody_can_log_in_before_a_password_is_set(person, anonymous):
    boss = person("boss", *SUPER)
    boss.client.post("/api/employees", json={"email": EMAIL, "first_name": "N", "last_name": "E"})
    for password in (passwords.UNUSABLE, "", "x"):
        assert log_in(client_like(anonymous, API), "/api/login", password=password).status_code == 400
