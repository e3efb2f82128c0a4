"""What every worker hears of, what it holds meanwhile, and what it does when it cannot ask."""

import asyncio
import sqlite3
from concurrent.futures import CancelledError

import pytest
from sqlalchemy import func, insert, select, update

from tests import accounts
from tests.conftest import BROWSER, CONNECTION, add_employee, client_like, log_in
from webapp import clock
from webapp.auth import changes, housekeeping, last_used, passwords, signins
from webapp.auth.held import held
from webapp.database import database
from webapp.tables import attempts, refresh_tokens, sign_ins
from webapp.tables import changes as changes_table


@pytest.fixture
def as_another_worker(run, monkeypatch):
    """Run something as another worker does: nothing is dropped here until this worker learns of it."""

    def call(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(changes, "drop", lambda **_: None)
            run(function, *arguments)

    return call


async def end_all():
    await signins.end_where(sign_ins.c.id != "", "a test")


async def new_password(emp_no):
    await accounts.change_password(emp_no, await passwords.hash_password("another one"))


ENDINGS = {
    "an ended sign-in": lambda _: (end_all,),
    "a changed password": lambda ann: (new_password, ann.emp_no),
    "a deactivated account": lambda ann: (accounts.deactivate, ann.emp_no),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_takes_hold_here_at_once(signed_in, run, ann, ending):
    assert signed_in.get("/api/me").status_code == 200
    run(*ending(ann))
    assert signed_in.get("/api/me").status_code == 401


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_takes_hold_elsewhere_when_that_worker_learns(signed_in, run, ann, as_another_worker, ending):
    assert signed_in.get("/api/me").status_code == 200
    as_another_worker(*ending(ann))
    assert signed_in.get("/api/me").status_code == 200
    run(changes.learn)
    assert signed_in.get("/api/me").status_code == 401


def test_changed_scopes_count_from_the_next_request_on(signed_in, run, ann, as_another_worker):
    run(accounts.change_scopes, ann.emp_no, ("user:read",))
    assert signed_in.get("/api/me").json()["scopes"] == ["user:read"]
    as_another_worker(accounts.change_scopes, ann.emp_no, ("user:read", "admin:read"))
    run(changes.learn)
    assert signed_in.get("/api/me").json()["scopes"] == ["user:read", "admin:read"]


def test_others_stay_logged_in(anonymous, browser, run, ann):
    other = add_employee(run, "bob@example.com")
    client = client_like(anonymous, BROWSER)
    log_in(client, username=other.email)
    run(accounts.deactivate, ann.emp_no)
    assert client.get("/api/me").status_code == 200


def test_a_row_that_becomes_visible_late_is_still_heard_of(browser, run, as_another_worker, ann):
    """On other databases a transaction with a lower number may be seen after one with a higher number."""
    run(database.execute, insert(changes_table).values(id=50, made=0, emp_no=1))
    run(changes.learn)
    browser.get("/api/me")
    (sid,) = held.sign_ins
    run(database.execute, insert(changes_table).values(id=40, made=0, sid=sid))
    run(changes.learn)
    assert not held.sign_ins
    browser.get("/api/me")
    run(changes.learn)
    assert held.sign_ins, "a row is heard of once"


def test_what_is_dropped_while_it_is_loaded_is_not_held(browser, run):
    """The answer of the database may be older than what the worker has heard of meanwhile."""
    browser.get("/api/me")
    (sign_in,) = held.sign_ins.values()
    before = held.drops
    held.drop_sign_in(sign_in.id)
    held.keep(sign_in, before)
    assert not held.sign_ins


class TestUnreachable:
    @pytest.fixture
    def gone(self, browser, api, monkeypatch):
        """Two clients that the worker knows, then no database, and seconds that the test moves."""
        for client in (browser, api):
            assert client.get("/api/me").status_code == 200
        seconds = [held.learned]
        monkeypatch.setattr(clock, "steady", lambda: seconds[0])

        async def refuse(*_):
            raise ConnectionRefusedError("unable to open database file")

        monkeypatch.setattr(CONNECTION, "acquire", refuse)
        return seconds

    def test_held_knowledge_is_trusted_for_five_seconds_and_no_longer(self, gone, browser):
        gone[0] += 5
        assert browser.get("/admin/me").status_code == 200
        gone[0] += 0.01
        answer = browser.get("/admin/me")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "set-cookie" not in answer.headers

    def test_every_client_is_told_in_its_form(self, gone, browser, api):
        gone[0] += 6
        assert browser.get("/admin/me").text.startswith("<!doctype html>")
        assert api.get("/api/me").json()["detail"].startswith("We cannot do this just now")
        assert log_in(api, "/api/login").status_code == 503

    def test_logout_never_claims_what_it_could_not_do(self, gone, browser, api):
        assert browser.post("/auth/logout").status_code == 503
        gone[0] += 6
        assert browser.post("/auth/logout").status_code == 503
        assert api.post("/api/logout").status_code == 503
        assert "latchkey-session" in browser.cookies

    def test_it_goes_on_by_itself(self, gone, browser, monkeypatch):
        gone[0] += 6
        assert browser.get("/admin/me").status_code == 503
        monkeypatch.undo()
        assert browser.get("/admin/me").status_code == 200

    def test_pages_for_everybody_stay_open(self, gone, browser, anonymous):
        gone[0] += 6
        assert browser.get("/auth/login").status_code == 200
        assert anonymous.get("/static/style.css").status_code == 200


def test_the_follower_says_once_that_the_database_is_gone_and_that_it_is_back(run, monkeypatch, caplog):
    gone = sqlite3.OperationalError("gone")
    outcomes = iter([gone, ValueError("broken"), None, asyncio.CancelledError()])

    async def learn():
        outcome = next(outcomes)
        if outcome:
            raise outcome

    monkeypatch.setattr(changes, "learn", learn)
    monkeypatch.setattr(changes, "LEARN_EVERY_SECONDS", 0)
    with pytest.raises(CancelledError):
        run(changes.follow)
    assert [record.getMessage() for record in caplog.records] == [
        "The database cannot be reached: gone",
        "The database is back",
    ]


def test_old_rows_go_away_by_themselves(browser, api, run, moved_clock):
    log_in(browser, password="wrong")
    run(end_all)
    for days, left in ((89, 3), (2, 0)):
        moved_clock.forward(days * 86400)
        run(housekeeping.tidy)
        assert run(database.fetch_val, select(func.count()).select_from(attempts)) == left
    for table in (sign_ins, refresh_tokens, changes_table):
        assert run(database.fetch_val, select(func.count()).select_from(table)) == 0


def test_the_last_use_is_written_down(browser, run, moved_clock):
    moved_clock.forward(100)
    browser.get("/api/me")
    run(last_used.write_down)
    assert run(database.fetch_val, select(sign_ins.c.used)) == moved_clock.time
    run(database.execute, update(sign_ins).values(used=0))
    run(last_used.write_down)
    assert run(database.fetch_val, select(sign_ins.c.used)) == 0, "it is written down once"
    held.sign_ins.clear()
    run(last_used.write_down)
    assert not last_used.written


class TestWhileItIsOnTheWay:
    """What changes between a worker's look and its deed."""

    @pytest.fixture
    def ended_elsewhere(self, browser, run):
        """A browser whose sign-in has just ended in another worker, of which this one has not heard."""
        browser.get("/admin/me")
        kept = dict(held.sign_ins)
        run(signins.end_where, sign_ins.c.kind == "browser", "logged out")
        held.sign_ins.update(kept)
        assert browser.get("/admin/me").status_code == 200
        return browser

    @pytest.mark.parametrize(
        ("path", "form"),
        [
            ("/api/tokens", {"name": "x", "scopes": "user:read", "ends": "2999-01-01"}),
            ("/api/sign-ins/end-others", {}),
            ("/api/sign-ins/aaaaaaaaaaaaaaaaaaaaaa/end", {}),
        ],
    )
    def test_an_ended_sign_in_changes_nothing_more(self, ended_elsewhere, api, run, path, form, monkeypatch):
        monkeypatch.setattr("webapp.pages.tokens.LONGEST_DAYS", 999_999)
        answer = ended_elsewhere.post(path, data=form)
        assert (answer.status_code, answer.json()["detail"]) == (401, "Could not validate credentials")
        assert api.get("/api/me").status_code == 200
        assert run(database.fetch_val, select(func.count()).select_from(sign_ins)) == 2

    @pytest.mark.parametrize("change", ["password", "activity"])
    def test_a_login_with_a_password_that_changes_meanwhile_is_refused(self, anonymous, run, ann, monkeypatch, change):
        check = passwords.check_password

        async def check_slowly(password, password_hash):
            matches = await check(password, password_hash)
            if change == "password":
                await accounts.change_password(ann.emp_no, passwords.hash_now("another one"))
            else:
                await accounts.deactivate(ann.emp_no)
            return matches

        monkeypatch.setattr(passwords, "check_password", check_slowly)
        answer = log_in(anonymous)
        assert answer.status_code == 422
        assert "Incorrect username or password" in answer.text
        assert run(database.fetch_val, select(func.count()).select_from(sign_ins)) == 0
