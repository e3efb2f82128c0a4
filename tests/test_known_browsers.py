"""Nobody is locked out of a browser in which they have logged in before, whatever strangers do (ASVS 6.1.1)."""

import asyncio
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select, update

from tests import accounts
from tests.conftest import API, BROWSER, EMAIL, HTMX, PASSWORD, add_employee, client_like, log_in
from tests.test_throttle import client_at, fail
from webapp import settings
from webapp.audit import Actor
from webapp.auth import crowd, housekeeping, known_browsers, links, throttle
from webapp.database import database
from webapp.tables import attempts
from webapp.tables import known_browsers as table

NEW = "seven green kettles sing"
NAME = "latchkey-browser"


def known(anonymous, address="10.0.0.1", email=EMAIL, headers=BROWSER):
    """A browser in which somebody has logged in, and is logged in no longer."""
    client = client_at(anonymous, address, headers)
    assert log_in(client, username=email).is_success or client.cookies[NAME]
    for name in [name for name in client.cookies if name != NAME]:
        del client.cookies[name]
    return client


def count(run):
    return run(database.fetch_val, select(func.count()).select_from(table))


class TestTheCookie:
    def test_it_is_for_this_site_alone_and_lives_ninety_days(self, anonymous, ann):
        """ASVS 3.3.1 to 3.3.4."""
        client = client_like(anonymous, BROWSER, base_url="https://testserver")
        (cookie,) = [one for one in log_in(client).headers.get_list("set-cookie") if NAME in one]
        assert re.match(rf"__Host-{NAME}=[\w-]{{22}}; ", cookie)
        assert "; httponly; max-age=7776000; path=/; samesite=lax; secure" in cookie.lower()

    @pytest.mark.parametrize("headers", [BROWSER, HTMX, API, {**HTMX, "HX-Target": "relogin"}])
    def test_each_way_into_a_browser_gives_it(self, anonymous, ann, headers):
        client = client_like(anonymous, headers)
        log_in(client)
        assert re.fullmatch(r"[\w-]{22}", client.cookies[NAME])

    def test_a_program_gets_none(self, anonymous, run, ann):
        assert "set-cookie" not in log_in(client_like(anonymous, API), "/api/login").headers
        assert count(run) == 0

    def test_it_is_kept_as_a_hash(self, browser, run, ann):
        (row,) = run(database.fetch_all, select(table))
        assert row["id_hash"] == hashlib.sha256(browser.cookies[NAME].encode()).hexdigest()
        assert row["emp_no"] == ann.emp_no

    def test_the_same_browser_keeps_its_id_and_is_known_for_longer(self, browser, run, moved_clock):
        before = browser.cookies[NAME]
        moved_clock.forward(1000)
        log_in(browser)
        assert browser.cookies[NAME] == before
        assert run(database.fetch_val, select(table.c.used)) == moved_clock.time

    def test_five_accounts_have_room(self, anonymous, run, ann):
        client = client_like(anonymous, BROWSER)
        emails = [EMAIL, *(add_employee(run, f"e{number}@example.com").email for number in range(5))]
        for email in emails:
            log_in(client, username=email)
        assert len(client.cookies[NAME].split(".")) == 5
        assert count(run) == 5
        assert run(known_browsers.hash_for, request_with(client.cookies[NAME]), EMAIL) is None
        for email in emails[1:]:
            assert run(known_browsers.hash_for, request_with(client.cookies[NAME]), email)

    def test_one_employee_has_a_bounded_number(self, anonymous, run, ann, monkeypatch, moved_clock):
        monkeypatch.setattr(known_browsers, "MAX_BROWSERS", 3)
        clients = []
        for _ in range(5):
            moved_clock.forward(1)
            clients.append(known(anonymous))
        assert count(run) == 3
        alive = [run(known_browsers.hash_for, request_with(client.cookies[NAME]), EMAIL) for client in clients]
        assert [bool(one) for one in alive] == [False, False, True, True, True]

    @pytest.mark.parametrize(
        "value",
        ["", "x", "=", ".", "." * 4, "A" * 22, "A" * 21, "A" * 23, ".".join(["A" * 22] * 6), "A" * 5000, "%00", '"',
         "\u00e9" * 22, "A" * 21 + "\u00fc", "' OR 1=1 --", "A" * 22 + ".", "{}", "\x7f"],
    )  # fmt: skip
    def test_garbage_says_nothing(self, anonymous, ann, value):
        headers = [(b"cookie", f"{NAME}={value}".encode("latin-1"))]
        form = {"username": EMAIL, "password": "wrong"}
        refused = anonymous.post("/auth/token", data=form, headers=headers)
        assert refused.status_code == 422
        assert "set-cookie" not in refused.headers
        taken = anonymous.post("/auth/token", data={**form, "password": PASSWORD}, headers=headers)
        assert taken.status_code == 303
        (cookie,) = [one for one in taken.headers.get_list("set-cookie") if NAME in one]
        assert re.match(rf"{NAME}=[\w-]{{22}}; ", cookie)
        assert not value or f"={value}" not in cookie

    def test_of_several_of_one_name_each_is_looked_at(self, anonymous, run, ann):
        good = known(anonymous).cookies[NAME]
        cookies = "; ".join(f"{NAME}={one}" for one in ("junk", "B" * 22, good, "C" * 22))
        assert run(known_browsers.hash_for, request_with(None, cookies), EMAIL)
        many = "; ".join(f"{NAME}={number:022}" for number in range(2000))
        assert len(known_browsers.ids_in(request_with(None, many))) == 5

    def test_an_id_that_somebody_has_planted_is_not_taken_over(self, anonymous, run, ann):
        """Who plants their own id, or one that they made up, is not known in the browser afterwards."""
        other = add_employee(run, "thief@example.com").email
        for planted in ("A" * 22, known(anonymous, email=other).cookies[NAME]):
            client = client_like(anonymous, BROWSER, cookies={NAME: planted})
            log_in(client)
            assert client.cookies.get(NAME, domain="testserver.local").split(".")[0] != planted
            assert run(known_browsers.hash_for, request_with(planted), EMAIL) is None


def request_with(value, cookies=None):
    """Return as much of a request as carries a cookie."""
    cookies = f"{NAME}={value}" if cookies is None else cookies
    scope = {"type": "http", "scheme": "http", "headers": [(b"cookie", cookies.encode())]}
    return known_browsers.HTTPConnection(scope)


class TestStrangersDoNotHoldItUp:
    @pytest.fixture
    def owner(self, anonymous, ann):
        return known(anonymous)

    def expect_only_new_browsers_wait(self, anonymous, owner, address):
        assert log_in(client_at(anonymous, address)).status_code == 429
        assert log_in(owner).status_code == 303

    def test_by_guesses_with_the_email(self, anonymous, owner, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_EMAIL_FAILURES", 6)
        for number in range(6):
            fail(client_at(anonymous, f"10.{number}.0.1"), 1)
        self.expect_only_new_browsers_wait(anonymous, owner, "10.9.0.1")

    def test_by_guesses_with_the_email_from_the_same_address(self, anonymous, owner):
        fail(client_at(anonymous, "10.0.0.1"), 5)
        self.expect_only_new_browsers_wait(anonymous, owner, "10.0.0.1")

    def test_by_guesses_from_the_address(self, anonymous, owner, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 5)
        monkeypatch.setattr(settings, "THROTTLE_COLLEAGUE_FAILURES", 0)
        for number in range(5):
            fail(client_at(anonymous, "10.0.0.1"), 1, username=f"{number}@example.com")
        self.expect_only_new_browsers_wait(anonymous, owner, "10.0.0.1")

    def test_by_guesses_from_the_space(self, anonymous, owner, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_SPACE_FAILURES", 5)
        monkeypatch.setattr(settings, "THROTTLE_COLLEAGUE_FAILURES", 0)
        for number in range(5):
            fail(client_at(anonymous, f"10.0.0.{number + 2}"), 1, username=f"{number}@example.com")
        self.expect_only_new_browsers_wait(anonymous, owner, "10.0.0.99")

    def test_by_the_right_password_with_many_emails(self, anonymous, owner, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_PASSWORD_EMAILS", 5)
        for number in range(5):
            fail(client_at(anonymous, f"10.{number}.0.1"), 1, username=f"{number}@example.com", password=PASSWORD)
        self.expect_only_new_browsers_wait(anonymous, owner, "10.9.0.1")

    def test_by_a_crowd_that_holds_every_place(self, anonymous, owner, run, monkeypatch):
        monkeypatch.setattr(throttle, "PATIENCE_SECONDS", 0.01)

        async def crowded():
            return crowd.places.setdefault(("all", "False"), asyncio.Semaphore(0))

        kept = run(crowded)
        assert kept.locked()
        self.expect_only_new_browsers_wait(anonymous, owner, "10.9.0.1")

    def test_by_attempts_that_are_never_judged(self, anonymous, owner, run, monkeypatch):
        monkeypatch.setattr(throttle, "PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(settings, "THROTTLE_EMAIL_FAILURES", 5)
        fail(client_at(anonymous, "10.0.0.1"), 5)
        run(database.execute, update(attempts).where(attempts.c.outcome == "wrong").values(outcome="pending"))
        self.expect_only_new_browsers_wait(anonymous, owner, "10.0.0.1")

    def test_nor_does_it_hold_up_a_change_of_the_password(self, anonymous, ann):
        browser = client_at(anonymous, "10.0.0.1", BROWSER)
        log_in(browser)
        fail(client_at(anonymous, "10.0.0.1"), 5)
        form = {"current_password": PASSWORD, "new_password": NEW}
        assert browser.post("/auth/password", data=form).status_code == 303


class TestItsOwnFailures:
    def test_after_five_only_that_browser_waits_and_longer_each_time(self, anonymous, ann, moved_clock):
        owner, other = known(anonymous), known(anonymous)
        for wait in (900, 1800, 3600):
            assert [log_in(owner, password="wrong").status_code for _ in range(5)] == [422] * 5
            refused = log_in(owner)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, str(wait))
            assert log_in(other).status_code == 303
            assert log_in(client_at(anonymous, "10.0.0.1")).status_code == 200
            moved_clock.forward(wait)
        assert log_in(owner).status_code == 303

    def test_they_are_forgotten_at_a_success(self, anonymous, ann):
        owner = known(anonymous)
        for _ in range(3):
            assert [log_in(owner, password="wrong").status_code for _ in range(4)] == [422] * 4
            assert log_in(owner).status_code == 303

    def test_another_address_does_not_give_a_thief_of_the_cookie_more(self, anonymous, ann):
        stolen = known(anonymous).cookies[NAME]
        thieves = [
            client_at(anonymous, f"10.{number}.0.1", {**BROWSER, "Cookie": f"{NAME}={stolen}"}) for number in range(8)
        ]
        assert [log_in(thief, password="wrong").status_code for thief in thieves] == [422] * 5 + [429] * 3

    def test_it_is_known_for_its_own_account_only(self, anonymous, run, ann):
        owner = known(anonymous)
        bob = add_employee(run, "bob@example.com").email
        fail(client_at(anonymous, "10.0.0.1"), 5, username=bob)
        assert log_in(owner, username=bob).status_code == 429
        assert log_in(owner).status_code == 303

    def test_both_accounts_of_a_browser_count_apart(self, anonymous, run, ann):
        bob = add_employee(run, "bob@example.com").email
        owner = known(anonymous)
        log_in(owner, username=bob)
        assert [log_in(owner, username=bob, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        assert log_in(owner).status_code == 303


class TestWhenItIsKnownNoLonger:
    def is_known(self, run, client, email=EMAIL):
        return run(known_browsers.hash_for, request_with(client.cookies.get(NAME, "")), email) is not None

    def test_after_ninety_days(self, anonymous, run, ann, moved_clock):
        owner = known(anonymous)
        moved_clock.forward(90 * 86400 - 1)
        assert self.is_known(run, owner)
        moved_clock.forward(1)
        assert not self.is_known(run, owner)
        run(housekeeping.tidy)
        moved_clock.forward(1)
        run(housekeeping.tidy)
        assert count(run) == 0

    def test_after_a_change_of_the_password_but_for_the_browser_that_asked(self, anonymous, run, ann):
        elsewhere, here = known(anonymous), client_like(anonymous, BROWSER)
        log_in(here)
        before = here.cookies[NAME]
        assert here.post("/auth/password", data={"current_password": PASSWORD, "new_password": NEW}).is_redirect
        assert not self.is_known(run, elsewhere)
        assert here.cookies[NAME] != before
        assert self.is_known(run, here)
        assert count(run) == 1

    def test_after_a_link_but_for_the_browser_that_used_it(self, anonymous, run, ann):
        elsewhere, here = known(anonymous), client_like(anonymous, BROWSER)
        token = parse_qs(urlsplit(run(links.make, ann, Actor.of_command()).address).query)["token"][0]
        here.get(f"/auth/link?token={token}")
        assert here.post("/auth/link", data={"token": token, "new_password": NEW}).status_code == 303
        assert not self.is_known(run, elsewhere)
        assert self.is_known(run, here)

    def test_after_a_deactivation_also_when_it_is_activated_again(self, anonymous, run, ann):
        owner = known(anonymous)
        admin = add_employee(run, "admin@example.com", scopes=("super:*",))
        there = client_like(anonymous, BROWSER)
        log_in(there, username=admin.email)
        for act in ("deactivate", "activate"):
            assert there.post(f"/employees/{ann.emp_no}/{act}").status_code == 303
            assert not self.is_known(run, owner)
        assert self.is_known(run, there, admin.email)


class TestItTellsNobodyWhoHasAnAccount:
    """ASVS 6.3.8."""

    @pytest.mark.parametrize("with_cookie", [False, True])
    def test_the_same_queries_and_the_same_answer(self, anonymous, run, ann, monkeypatch, with_cookie):
        bob = add_employee(run, "bob@example.com")
        gone = add_employee(run, "gone@example.com")
        run(accounts.deactivate, gone.emp_no)
        client = known(anonymous, email=bob.email) if with_cookie else client_like(anonymous, BROWSER)
        asked = []
        for name in ("fetch_all", "fetch_one", "fetch_val", "execute"):
            method = getattr(database, name)
            monkeypatch.setattr(
                database, name, lambda query, *rest, method=method: asked.append(str(query)) or method(query, *rest)
            )
        told = []
        for email in (EMAIL, "nobody@example.com", gone.email):
            asked.clear()
            answer = log_in(client, username=email, password="wrong")
            told.append((answer.status_code, sorted(answer.headers.keys()), answer.text.replace(email, ""), [*asked]))
        assert told[0][3]
        assert told[0] == told[1] == told[2]
