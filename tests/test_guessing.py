"""Each way of guessing has its rule, and none of them fills the table (ASVS 6.1.1, 6.3.1)."""

import re
import sqlite3
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import func, insert, select, update

from tests.conftest import API, EMAIL, ON_SQLITE, PASSWORD, add_employee, client_like, log_in
from tests.test_throttle import client_at, fail
from webapp import clock, settings
from webapp.audit import Actor
from webapp.auth import attempt_log, housekeeping, links, spraying, throttle, throttle_rules
from webapp.auth.recent_counts import RecentCounts
from webapp.database import database
from webapp.tables import attempts, known_browsers


def statuses(anonymous, addresses, **fields):
    """Fail once from each address, each time with another password, and another email unless one is given."""
    told = []
    for number, address in enumerate(addresses):
        told += fail(
            client_at(anonymous, address),
            1,
            **{"username": f"e{number}@example.com", "password": f"wrong {number}", **fields},
        )
    return told


def rows_of(run):
    return run(database.fetch_all, select(attempts).order_by(attempts.c.id))


class TestAddresses:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 8)
        monkeypatch.setattr(settings, "THROTTLE_SPACE_FAILURES", 20)

    def test_all_of_one_ipv6_network_are_one(self, anonymous, ann):
        told = statuses(anonymous, [f"2001:db8:1:2::{number:x}" for number in range(1, 12)])
        assert told == [400] * 8 + [429] * 3
        assert statuses(anonymous, ["2001:db8:1:3::1"]) == [400]

    def test_guesses_at_one_email_from_one_ipv6_network_lock_nobody_else_out(self, anonymous, ann, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_EMAIL_FAILURES", 10)
        told = statuses(anonymous, [f"2001:db8:1:2::{number:x}" for number in range(20)], username=EMAIL)
        assert told == [400] * 5 + [429] * 15
        assert log_in(client_at(anonymous, "10.0.0.1"), "/api/login").status_code == 200

    def test_however_they_are_written(self, anonymous, ann):
        written = ["192.0.2.7", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:1", "192.0.2.7:80", '"192.0.2.7"']
        written += ["64:ff9b::192.0.2.7", "::FFFF:c000:207", "2002:c000:207::5", "192.0.2.7%0"]
        assert statuses(anonymous, written) == [400] * 8 + [429]

    def test_what_is_no_address_is_one(self, anonymous, ann):
        assert statuses(anonymous, ["unknown", "", "a", "b", "c", "d", "e", "f", "g"]) == [400] * 8 + [429]

    @pytest.mark.parametrize(
        ("addresses", "elsewhere"),
        [
            ([f"2001:db8:1:{number:x}::1" for number in range(24)], "2001:db8:2::1"),
            ([f"192.0.2.{number}" for number in range(24)], "192.0.3.1"),
            ([f"::ffff:192.0.2.{number}" for number in range(24)], "192.0.3.1"),
        ],
    )
    def test_an_address_space_has_a_limit_too(self, anonymous, ann, addresses, elsewhere):
        assert statuses(anonymous, addresses) == [400] * 20 + [429] * 4
        assert statuses(anonymous, [elsewhere]) == [400]

    def test_the_address_that_is_shown_stays_as_it_is(self, anonymous, run, ann):
        statuses(anonymous, ["2001:db8:1:2::7"])
        (row,) = rows_of(run)
        assert row["address"] == "2001:db8:1:2::7"
        assert (row["address_key"], row["address_space"]) == ("2001:db8:1:2::/64", "2001:db8:1::/48")


class TestAnOfficeBehindOneAddress:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 6)
        monkeypatch.setattr(settings, "THROTTLE_SPACE_FAILURES", 1000)

    @pytest.fixture
    def office(self, anonymous, run, ann):
        """Three colleagues have logged in, one of them often."""
        emails = [EMAIL, *(add_employee(run, f"colleague{number}@example.com").email for number in range(2))]
        for email in [*emails, *emails[:1] * 5]:
            assert log_in(client_at(anonymous, "10.0.0.1"), "/api/login", username=email).status_code == 200
        return "10.0.0.1"

    def test_each_colleague_raises_its_limit_once(self, anonymous, office):
        assert statuses(anonymous, [office] * 23) == [400] * 21 + [429] * 2
        assert statuses(anonymous, ["10.0.0.2"] * 7) == [400] * 6 + [429]

    def test_for_a_day(self, anonymous, office, moved_clock):
        moved_clock.forward(86401)
        assert statuses(anonymous, [office] * 7) == [400] * 6 + [429]

    def test_not_beyond_a_bound(self, anonymous, office, monkeypatch):
        monkeypatch.setattr(throttle_rules, "MAX_COLLEAGUES", 1)
        assert statuses(anonymous, [office] * 12) == [400] * 11 + [429]

    def test_nobody_there_has_more_guesses_at_one_email(self, anonymous, office):
        assert statuses(anonymous, [office] * 6, username=EMAIL) == [400] * 5 + [429]

    def test_failures_do_not_raise_it(self, anonymous, ann):
        emails = [f"{number}@example.com" for number in range(6)]
        assert [fail(client_at(anonymous, "10.0.0.1"), 1, username=email) for email in emails] == [[400]] * 6
        assert statuses(anonymous, ["10.0.0.1"]) == [429]

    def test_its_address_space_is_raised_too(self, anonymous, office, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_SPACE_FAILURES", 3)
        assert statuses(anonymous, [f"10.0.0.{number}" for number in range(50, 70)]) == [400] * 18 + [429] * 2


NEW = "seven green kettles sing"
SEASONAL = "Summer2026!"


class TestOnePasswordForEverybody:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_PASSWORD_EMAILS", 6)

    def spray(self, anonymous, times, password=SEASONAL, first=0):
        return [
            fail(client_at(anonymous, f"10.{number}.0.1"), 1, username=f"e{number}@example.com", password=password)[0]
            for number in range(first, first + times)
        ]

    def test_it_may_be_wrong_with_few_emails(self, anonymous, ann, monkeypatch):
        now = [float(int(clock.steady()))]
        monkeypatch.setattr(clock, "steady", lambda: now[0])
        assert self.spray(anonymous, 9) == [400] * 6 + [429] * 3
        assert self.spray(anonymous, 1, "another one", 20) == [400]
        answer = log_in(client_at(anonymous, "10.99.0.1"), "/api/login", password=SEASONAL)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
        now[0] += 901
        assert self.spray(anonymous, 1, first=30) == [400]

    def test_another_way_to_compose_its_letters_gives_no_further_guesses(self, anonymous, ann):
        told = [
            self.spray(anonymous, 1, unicodedata.normalize(form, "\u00e9t\u00e9 \u1e69 2026"), number)[0]
            for number, form in enumerate(("NFC", "NFD") * 5)
        ]
        assert told == [400] * 6 + [429] * 4

    def test_one_email_counts_once(self, anonymous, ann):
        told = [fail(client_at(anonymous, f"10.{number}.0.1"), 1, password=SEASONAL)[0] for number in range(12)]
        assert told == [400] * 12

    def test_many_may_have_the_right_one(self, anonymous, run, ann):
        emails = [add_employee(run, f"e{number}@example.com").email for number in range(10)]
        assert {log_in(client_like(anonymous, API), "/api/login", username=email).status_code for email in emails} == {
            200
        }

    def test_nothing_is_hashed_for_it(self, anonymous, ann, monkeypatch):
        self.spray(anonymous, 6)
        monkeypatch.setattr("bcrypt.checkpw", lambda *_: pytest.fail("hashed"))
        assert self.spray(anonymous, 1, first=30) == [429]

    def test_what_is_remembered_is_bounded_and_no_password(self, monkeypatch):
        monkeypatch.setattr(spraying, "MAX_PASSWORDS", 10)
        spraying.wrong.clear()
        for number in range(50):
            spraying.count(f"guess {number}", "key")
        assert len(spraying.wrong) == 10
        assert all(len(digest) == 16 for digest in spraying.wrong)
        assert spraying.digest_of("guess 49") in spraying.wrong
        monkeypatch.setattr(spraying, "KEY", b"another process")
        assert spraying.digest_of("guess 49") not in spraying.wrong


class TestRowsAreBounded:
    def test_incomplete_tries_are_none_and_end_in_429(self, anonymous, run, ann, monkeypatch):
        monkeypatch.setattr(throttle, "MAX_MALFORMED", 4)
        told = [log_in(client_at(anonymous, f"2001:db8::{number}"), "/api/login", password="") for number in range(6)]
        assert [answer.status_code for answer in told] == [400] * 4 + [429] * 2
        assert 1 <= int(told[-1].headers["retry-after"]) <= 900
        assert log_in(client_at(anonymous, "10.0.0.1"), "/api/login", password="").status_code == 400
        assert log_in(client_at(anonymous, "2001:db8::1"), "/api/login").status_code == 200
        assert [row["outcome"] for row in rows_of(run)] == ["logged in"]

    def test_refused_tries_are_one_a_minute_of_each_address(self, anonymous, run, ann, monkeypatch):
        here = client_at(anonymous, "10.0.0.1")
        assert fail(here, 5) + fail(here, 30) == [400] * 5 + [429] * 30
        assert [row["outcome"] for row in rows_of(run)] == ["wrong"] * 5 + ["throttled"]
        steady = clock.steady
        monkeypatch.setattr(clock, "steady", lambda: steady() + 61)
        fail(here, 10)
        assert [row["outcome"] for row in rows_of(run)] == ["wrong"] * 5 + ["throttled"] * 2

    def test_and_not_many_of_all_addresses_together(self, anonymous, run, ann, monkeypatch):
        monkeypatch.setattr(throttle, "MAX_ROWS_A_MINUTE", 3)
        monkeypatch.setattr(settings, "THROTTLE_EMAIL_FAILURES", 5)
        assert (
            statuses(anonymous, [f"10.{number}.0.1" for number in range(25)], username=EMAIL) == [400] * 5 + [429] * 20
        )
        assert [row["outcome"] for row in rows_of(run)] == ["wrong"] * 5 + ["throttled"] * 3

    def test_a_crowd_at_once_is_no_row_for_each(self, anonymous, run, ann):
        clients = [client_at(anonymous, "10.0.0.1") for _ in range(40)]
        with ThreadPoolExecutor(40) as threads:
            told = list(threads.map(lambda client: fail(client, 1)[0], clients))
        assert told.count(400) == 5
        assert len(rows_of(run)) <= 5 + 5 + 1

    def test_counts_in_memory_are_bounded(self):
        counts = RecentCounts(max_keys=3)
        for number in range(9):
            counts.add(f"key {number}", 60)
        assert [*counts.counted] == ["key 6", "key 7", "key 8"]
        assert counts.add("key 7", 60)[0] == 2
        assert counts.add("key 1", 60)[0] == 1


class TestTimesFromTheFuture:
    """A clock that was ahead, and was put right."""

    @pytest.mark.parametrize("ahead", [600, 86400, 3650 * 86400])
    @pytest.mark.parametrize("failures", [5, 30])
    def test_nobody_waits_longer_than_from_now_on(self, anonymous, run, ann, moved_clock, ahead, failures):
        here = client_at(anonymous, "10.0.0.1")
        moved_clock.forward(ahead)
        fail(here, failures)
        moved_clock.forward(-ahead)
        answer = log_in(here, "/api/login")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
        moved_clock.forward(450)
        assert log_in(here, "/api/login").headers["retry-after"] == "450"
        moved_clock.forward(450)
        assert log_in(here, "/api/login").status_code == 200

    def test_other_counts_alike(self, anonymous, ann, moved_clock, monkeypatch):
        monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 6)
        moved_clock.forward(86400)
        statuses(anonymous, ["10.0.0.1"] * 6)
        moved_clock.forward(-86400)
        assert log_in(client_at(anonymous, "10.0.0.1"), "/api/login").headers["retry-after"] == "900"
        moved_clock.forward(900)
        assert log_in(client_at(anonymous, "10.0.0.1"), "/api/login").status_code == 200

    def test_a_link_that_is_used_first_does_not_leave_them_for_later(self, anonymous, run, ann, moved_clock):
        """Left in the future, they would count a day later as if they had just been made."""
        here = client_at(anonymous, "10.0.0.1")
        moved_clock.forward(86400)
        fail(here, 5)
        moved_clock.forward(-86400)
        token = run(links.make, ann, Actor.of_command()).address.partition("token=")[2]
        form = {"token": token, "new_password": NEW}
        assert client_at(anonymous, "10.9.0.1").post("/api/link", data=form).status_code == 200
        moved_clock.forward(86400)
        assert log_in(here, "/api/login", password=NEW).status_code == 200

    def test_a_success_after_it_forgets_them(self, anonymous, ann, moved_clock):
        here = client_at(anonymous, "10.0.0.1")
        moved_clock.forward(86400)
        fail(here, 4)
        moved_clock.forward(-86400)
        assert log_in(here, "/api/login").status_code == 200
        assert fail(here, 4) == [400] * 4
        assert log_in(here, "/api/login").status_code == 200

    def test_pending_ones_hold_nobody_up(self, anonymous, run, ann, moved_clock, monkeypatch):
        here = client_at(anonymous, "10.0.0.1")
        moved_clock.forward(86400)
        assert fail(here, 5) == [400] * 5
        run(database.execute, update(attempts).values(outcome="pending"))
        moved_clock.forward(-86400)
        with monkeypatch.context() as impatient:
            impatient.setattr(throttle, "PATIENCE_SECONDS", 0.01)
            assert log_in(here, "/api/login").status_code == 429
        moved_clock.forward(31)
        assert log_in(here, "/api/login").status_code == 200

    def test_what_is_not_brought_back_yet_does_not_count(self, anonymous, ann, moved_clock, monkeypatch):
        monkeypatch.setattr(attempt_log, "MAX_BROUGHT_BACK", 2)
        here = client_at(anonymous, "10.0.0.1")
        moved_clock.forward(86400)
        fail(here, 5)
        moved_clock.forward(-86400)
        assert log_in(here, "/api/login").status_code == 200


class TestAPasswordInTheEmailField:
    TYPED = "MyRealPassword-typed-here!!"

    def test_is_kept_as_a_hash_only(self, anonymous, run, ann):
        client = client_at(anonymous, "10.0.0.1")
        for _ in range(7):
            fail(client, 1, username=self.TYPED)
        log_in(client, "/api/login", username=f"{self.TYPED}\0")
        assert self.TYPED.lower() not in str([tuple(row._mapping.values()) for row in rows_of(run)]).lower()
        assert {row["email"] for row in rows_of(run)} == {""}

    def test_no_hash_can_be_tried_without_the_key(self, run, monkeypatch):
        before = attempt_log.keyed_hash(self.TYPED)
        monkeypatch.setattr(attempt_log, "SIGNING_KEY", b"another key")
        assert attempt_log.keyed_hash(self.TYPED) != before
        assert re.fullmatch(r"[0-9a-f]{32}", before)

    def test_an_employees_own_attempts_are_found_all_the_same(self, anonymous, run, ann):
        fail(client_at(anonymous, "10.0.0.1"), 1, username=f" {EMAIL.upper()}")
        (row,) = rows_of(run)
        assert (row["email"], row["emp_no"]) == (EMAIL, ann.emp_no)


@pytest.mark.skipif(not ON_SQLITE, reason="reads SQLite's query plans; tests/test_many_attempts.py measures")
def test_each_query_reads_as_much_of_an_index_as_it_counts(anonymous, run, ann, monkeypatch):
    """No query on attempts scans, or sorts, what may be millions of rows."""
    asked = set()

    def explained(method):
        def ask(query, *rest):
            if getattr(query, "is_select", False):
                whole = query.params(*rest)
                compiled = whole.compile(dialect=database._backend._dialect, compile_kwargs={"literal_binds": True})
                asked.add(str(compiled))
            return method(query, *rest)

        return ask

    for name in ("fetch_all", "fetch_one", "fetch_val"):
        monkeypatch.setattr(database, name, explained(getattr(database, name)))
    monkeypatch.setattr(settings, "THROTTLE_ADDRESS_FAILURES", 5)
    here = client_at(anonymous, "10.0.0.1")
    log_in(here, "/api/login")
    fail(here, 6)
    with closing(sqlite3.connect(database.url.database)) as opened:
        # The last row of all is read backwards by its number.
        asked = [query for query in asked if "attempts" in query and "ORDER BY attempts.id DESC\n LIMIT 1" not in query]
        plans = [row[3] for query in asked for row in opened.execute(f"EXPLAIN QUERY PLAN {query}")]
    on_attempts = [plan for plan in plans if "attempts" in plan]
    assert len(on_attempts) >= 10
    assert [plan for plan in on_attempts if not plan.startswith("SEARCH attempts USING")] == []
    assert [plan for plan in plans if "ORDER BY" in plan] == []


class TestTidying:
    def add(self, run, count, made):
        row = {"made": made, "email": "", "email_key": "", "outcome": "wrong", "address": "", "user_agent": ""}
        run(database.execute, insert(attempts).values([row] * count))

    def test_old_rows_go_a_few_at_a_time(self, anonymous, run, moved_clock, monkeypatch):
        self.add(run, 25, moved_clock.time - 91 * 86400)
        self.add(run, 3, moved_clock.time)
        monkeypatch.setattr(housekeeping, "ROWS_AT_ONCE", 10)
        left, sleep = [], housekeeping.asyncio.sleep

        async def pause(seconds):
            left.append(await database.fetch_val(select(func.count()).select_from(attempts)))
            await sleep(0)

        monkeypatch.setattr(housekeeping.asyncio, "sleep", pause)
        run(housekeeping.tidy)
        assert left[:2] == [18, 8]
        assert len(rows_of(run)) == 3

    def test_what_is_nobodys_key_any_more_goes(self, anonymous, run, ann, moved_clock):
        row = {"id_hash": "0" * 64, "emp_no": ann.emp_no, "used": moved_clock.time - 91 * 86400}
        run(database.execute, insert(known_browsers).values(row))
        run(housekeeping.tidy)
        assert run(database.fetch_all, select(known_browsers)) == []


def test_the_password_is_in_no_row(anonymous, run, ann):
    log_in(client_at(anonymous, "10.0.0.1"), "/api/login", username=PASSWORD, password=EMAIL)
    assert PASSWORD not in str([tuple(row._mapping.values()) for row in rows_of(run)])
