"""A token is worth what its sign-in is worth."""

import pytest
from sqlalchemy import select, update

from tests.conftest import API, BROWSER, CONNECTION, FOLDER, ON_SQLITE, Client, client_like, log_in, session_of
from tests.hostile_tokens import HEADER, good_claims, signed
from webapp import settings
from webapp.auth import tokens
from webapp.auth.held import held
from webapp.database import database
from webapp.tables import employees, sign_ins


def with_token(anonymous, token):
    return client_like(anonymous, {**API, "Authorization": f"Bearer {token}"})


def only_row(run):
    (row,) = run(database.fetch_all, select(sign_ins))
    return row


def test_a_login_opens_one_sign_in(anonymous, run, ann, moved_clock):
    client = client_like(anonymous, {**BROWSER, "user-agent": "Firefox" * 100})
    log_in(client)
    row = only_row(run)
    assert (row["kind"], row["emp_no"], row["ended"]) == ("browser", ann.emp_no, None)
    assert (row["opened"], row["ends"]) == (moved_clock.time, moved_clock.time + 43200)
    assert (row["address"], len(row["user_agent"])) == ("testclient", 255)
    assert len(row["id"]) == 22


def test_a_login_of_a_program_is_of_kind_api(api, run):
    assert only_row(run)["kind"] == "api"


def test_a_failed_login_opens_none(anonymous, run, ann):
    log_in(anonymous, password="wrong")
    assert run(database.fetch_all, select(sign_ins)) == []


def test_logout_says_when_and_why(browser, run, moved_clock):
    browser.post("/auth/logout")
    row = only_row(run)
    assert (row["ended"], row["ended_why"]) == (moved_clock.time, "logged out")


def test_a_sign_in_that_never_was_is_refused(anonymous, ann):
    token = signed(HEADER, good_claims("A" * 22, ann.emp_no))
    assert with_token(anonymous, token).get("/api/me").status_code == 401


def test_a_sign_in_of_somebody_else_is_refused(anonymous, browser, run, ann):
    token = signed(HEADER, good_claims(only_row(run)["id"], ann.emp_no + 1))
    assert with_token(anonymous, token).get("/api/me").status_code == 401


def test_a_token_that_outlives_its_sign_in_is_refused(anonymous, browser, run, ann):
    row = only_row(run)
    for seconds, status in ((0, 200), (2, 401)):
        token = signed(HEADER, good_claims(row["id"], ann.emp_no, exp=int(row["ends"]) + seconds))
        assert with_token(anonymous, token).get("/api/me").status_code == status


def test_ended_sign_ins_stay_ended_after_a_restart(anonymous, browser, api, request):
    """The second application knows nothing but the database."""
    living, ended = session_of(browser), api.headers["Authorization"].split()[1]
    api.post("/api/logout")
    request.getfixturevalue("stopped")
    tokens.verified.cache_clear()
    with Client(API) as restarted:
        assert with_token(restarted, ended).get("/api/me").status_code == 401
        assert with_token(restarted, living).get("/api/me").status_code == 200


def test_an_inactive_employee_is_not_let_in(browser, run):
    run(database.execute, update(employees).values(is_active=False))
    held.sign_ins.clear()
    assert browser.get("/api/me").status_code == 401


def test_a_known_sign_in_asks_the_database_nothing(browser, monkeypatch):
    browser.get("/api/me")

    async def asked(*_):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(CONNECTION, "acquire", asked)
    for _ in range(100):
        assert browser.get("/api/me").status_code == 200


def test_what_a_worker_holds_is_bounded(browser, api, monkeypatch):
    monkeypatch.setattr("webapp.auth.held.SIGN_INS_HELD", 1)
    for client in (browser, api, browser, api):
        assert client.get("/api/me").status_code == 200
        assert len(held.sign_ins) == 1


def test_the_longest_unused_goes_first(anonymous, browser, api, monkeypatch, ann):
    monkeypatch.setattr("webapp.auth.held.SIGN_INS_HELD", 2)
    browser.get("/api/me")
    api.get("/api/me")
    browser.get("/api/me")
    third = client_like(anonymous, BROWSER)
    log_in(third)
    third.get("/api/me")
    kinds = [sign_in.kind for sign_in in held.sign_ins.values()]
    assert kinds == ["browser", "browser"]


@pytest.mark.skipif(not ON_SQLITE, reason="SQLite's own")
def test_the_database_file_is_in_write_ahead_mode(run, anonymous):
    assert run(database.fetch_val, "PRAGMA journal_mode") == "wal"
    assert run(database.fetch_val, "PRAGMA foreign_keys") == 1
    assert (FOLDER.name + "/test.db") == database.url.database


@pytest.mark.skipif(not ON_SQLITE, reason="SQLite's own")
@pytest.mark.parametrize("times", [1, 20])
def test_connections_are_held(run, anonymous, times):
    connections = set(database._backend._pool.idle)
    for _ in range(times):
        run(database.fetch_val, "SELECT 1")
    assert set(database._backend._pool.idle) == connections
    assert len(connections) <= settings.DATABASE_POOL_SIZE
