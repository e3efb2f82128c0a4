"""What differs between SQLite, PostgreSQL and MariaDB, and must not be felt; the whole suite runs on each of them."""

import asyncio
import time
import unicodedata
from datetime import date

import aiosqlite
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Integer, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.conftest import API, CONNECTION, ON_SQLITE, add_employee, client_like, log_in
from webapp import clock, schema, settings
from webapp import employees as staff
from webapp.auth import signins
from webapp.database import Duplicate, Unavailable, database
from webapp.tables import changes, employee_words, employees, metadata, sign_ins

FULL_UNICODE = "Zoë Ωmega 張 😀 \u200d\U0001f469"


def test_texts_are_full_unicode(run):
    add_employee(run, first_name=FULL_UNICODE, last_name="İıŞ'\"\\%_")
    row = run(database.fetch_one, select(employees))
    assert (row["first_name"], row["last_name"]) == (FULL_UNICODE, "İıŞ'\"\\%_")


def test_an_email_is_unique_whatever_its_case(run, ann):
    with pytest.raises(Duplicate):
        add_employee(run, ann.email.upper())
    assert run(database.fetch_val, select(func.count()).select_from(employees)) == 1


@pytest.mark.parametrize("other", ["ann.leé@example.com", "ann.lee@example.con", "a\u0301nn.lee@example.com"])
def test_emails_that_differ_in_an_accent_are_two(run, ann, other):
    assert add_employee(run, other).emp_no != ann.emp_no
    assert run(staff.with_email, other)[0].email == unicodedata.normalize("NFC", other)
    assert run(staff.with_email, ann.email)[0].email == ann.email


def test_texts_compare_sign_by_sign(browser, run):
    """A sign-in's id in another case, which MariaDB's own order takes for the same, is another's."""
    sid = run(database.fetch_val, select(sign_ins.c.id))
    other = sid.swapcase()
    assert run(signins.load, other) is None
    assert run(signins.load, sid).id == sid


@pytest.mark.parametrize("moment", [0.000001, 1764021985.123456, 4102444799.999999])
def test_times_are_kept_to_the_microsecond(run, anonymous, moment):
    run(database.execute, insert(changes).values(made=moment, emp_no=1))
    assert run(database.fetch_val, select(changes.c.made)) == pytest.approx(moment, abs=1e-6, rel=0)


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(1952, 2, 29), date(2999, 12, 31)])
def test_dates_begin_with_1900(run, day):
    add_employee(run, birth_date=day, hire_date=day)
    row = run(database.fetch_one, select(employees))
    assert (row["birth_date"], row["hire_date"]) == (day, day)


def test_truth_is_true_or_false(run, ann):
    assert ann.is_active is True


def test_rows_that_are_added_are_numbered(run, anonymous):
    row = insert(changes).values(made=1.0, emp_no=1)
    first, second = run(database.add, row, changes.c.id), run(database.add, row, changes.c.id)
    assert second == first + 1


def test_ten_who_change_one_row_are_told_so_once(run, anonymous):
    """MariaDB cannot return what an UPDATE has changed: it is asked for under a lock."""
    run(database.execute, insert(changes).values(made=1.0, sid="x", emp_no=0))

    async def all_at_once():
        claim = update(changes).where(changes.c.emp_no == 0).values(emp_no=1)
        return await asyncio.gather(*(asyncio.create_task(database.change(claim, changes.c.sid)) for _ in range(10)))

    assert sorted(run(all_at_once)) == [[]] * 9 + [["x"]]


@pytest.mark.skipif(ON_SQLITE, reason="SQLite has one place for a writer")
@pytest.mark.parametrize("sessions", [1, 2, 30])
def test_who_ends_the_sessions_of_one_waits_for_nobody_who_ends_those_of_another(
    run, anonymous, ann, sessions, monkeypatch
):
    """Where nearly all sessions are those of one, MariaDB finds them by walking past those of the others, too."""
    monkeypatch.setattr("webapp.database.MAX_KEYS", 10)
    other = add_employee(run, "other@example.com")
    opened = {"kind": "api", "opened": 1, "used": 1, "ends": 9e9, "address": "", "user_agent": ""}
    for number in range(sessions):
        run(database.execute, insert(sign_ins).values(opened | {"id": f"{number:022d}", "emp_no": ann.emp_no}))
    run(database.execute, insert(sign_ins).values(opened | {"id": "z" * 22, "emp_no": other.emp_no}))

    async def both_at_once():
        async with database.transaction():
            assert len(await signins.mark_ended(sign_ins.c.emp_no == ann.emp_no, "test")) == sessions
            async with asyncio.timeout(4):
                return await asyncio.create_task(signins.end_where(sign_ins.c.emp_no == other.emp_no, "test"))

    assert run(both_at_once) == 1
    assert run(database.fetch_all, select(sign_ins.c.id).where(sign_ins.c.ended.is_(None))) == []


@pytest.mark.skipif(ON_SQLITE, reason="SQLite has one place for a writer")
def test_what_comes_while_rows_change_is_not_changed(run, anonymous, monkeypatch):
    """Else it would be changed without being among the keys, as an ended session that no worker hears of."""
    rows = [{"made": 1.0, "sid": sid, "emp_no": 0} for sid in ("x", "y")]
    run(database.execute, insert(changes).values(rows[0]))
    ask = database.fetch_all

    async def ask_and_be_passed(query, values=None):
        found = await ask(query, values)
        await asyncio.create_task(database.execute(insert(changes).values(rows[1])))
        return found

    monkeypatch.setattr(database, "fetch_all", ask_and_be_passed)
    assert run(database.change, update(changes).where(changes.c.emp_no == 0).values(emp_no=1), changes.c.sid) == ["x"]
    monkeypatch.undo()
    assert run(database.fetch_val, select(changes.c.emp_no).where(changes.c.sid == "y")) == 0


def test_ten_employees_at_once_have_ten_numbers(run, anonymous):
    async def all_at_once():
        names = {"password_hash": "x" * 60, "first_name": "A", "last_name": "B"}
        added = (staff.create(email=f"e{number}@example.com", **names) for number in range(10))
        return await asyncio.gather(*(asyncio.create_task(one) for one in added))

    assert sorted(run(all_at_once)) == list(range(10001, 10011))


def test_connections_are_no_more_than_the_setting(run, anonymous, monkeypatch):
    holding, held = asyncio.Semaphore(0), asyncio.Event()

    async def hold():
        async with database.connection():
            holding.release()
            await held.wait()

    async def one_too_many():
        tasks = [asyncio.create_task(hold()) for _ in range(settings.DATABASE_POOL_SIZE)]
        for _ in tasks:
            await holding.acquire()
        with monkeypatch.context() as impatient:
            impatient.setattr(settings, "DATABASE_TIMEOUT_SECONDS", 0.05)
            with pytest.raises(Unavailable):
                await asyncio.create_task(database.fetch_val("SELECT 1"))
        held.set()
        await asyncio.gather(*tasks)
        return await database.fetch_val("SELECT 1")

    assert run(one_too_many) == 1


def test_a_connection_that_breaks_is_replaced(browser, run, monkeypatch):
    async def broken(*_):
        raise ConnectionResetError("gone")

    with monkeypatch.context() as away:
        away.setattr(CONNECTION, "fetch_one", broken)
        for _ in range(2 * settings.DATABASE_POOL_SIZE):
            answer = log_in(browser)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert log_in(browser).status_code == 303


def test_the_clock_follows_the_databases(run, anonymous, monkeypatch):
    """SQLite is on this machine: its clock is this machine's."""
    monkeypatch.setattr(clock, "behind", 0.0)
    monkeypatch.setattr(clock, "own", lambda: time.time() - 1000)
    run(database.follow_clock)
    assert clock.now() == pytest.approx(time.time() - (1000 if ON_SQLITE else 0), abs=2)


def test_the_migrations_have_made_the_tables_of_the_code(run, anonymous):
    async def differences():
        engine = create_async_engine(schema.address(), poolclass=NullPool)
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda one: compare_metadata(MigrationContext.configure(one), metadata))
        await engine.dispose()
        return found

    assert run(differences) == []


def test_two_who_migrate_at_once_do_it_once(run, anonymous):
    async def both():
        return await asyncio.gather(schema.migrate(), schema.migrate())

    assert run(both) == [schema.head()] * 2


MANY = [{"made": 0.25 + number, "sid": "x" if number % 2 else None, "emp_no": number} for number in range(2500)]


def test_many_rows_are_added_changed_and_removed_with_one_statement_each(run, anonymous):
    by_number = changes.c.emp_no == bindparam("number")
    run(database.execute_rows, insert(changes), list(MANY[0]), [tuple(row.values()) for row in MANY])
    kept = [(row["made"], row["sid"], row["emp_no"]) for row in run(database.fetch_all, select(changes))]
    assert kept == [tuple(row.values()) for row in MANY]
    renew = update(changes).where(by_number).values(sid=bindparam("new"))
    run(database.execute_rows, renew, ["number", "new"], [(number, "y") for number in range(2000)])
    assert run(database.fetch_val, select(func.count()).where(changes.c.sid == "y")) == 2000
    run(database.execute_rows, delete(changes).where(by_number), ["number"], [(number,) for number in range(2499)])
    assert [row["emp_no"] for row in run(database.fetch_all, select(changes))] == [2499]


def test_many_rows_are_added_all_or_none(run, ann):
    rows = [("x", number, "x", None) for number in (1, 2, 1)]
    with pytest.raises(Duplicate):
        run(database.execute_rows, insert(employee_words), ["word", "emp_no", "words", "hire_date"], rows)
    assert run(database.fetch_val, select(func.count()).where(employee_words.c.words == "x")) == 0


def test_dates_and_unicode_in_many_rows_are_those_of_one(run, anonymous):
    row = {
        "emp_no": 7, "email": "a@b.example", "password_hash": "x", "birth_date": date(1952, 2, 29), "first_name": FULL_UNICODE,
        "last_name": "%s %(a)s ? $1 :x", "gender": None, "hire_date": None, "scopes": "", "is_active": True, "changed": 1.5,
        "preferred_name": None, "about": None, "version": 1, "words": "", "awaits_invitation": False,
    }  # fmt: skip
    other = {**row, "emp_no": 8, "email": "c@d.example"}
    run(database.execute_rows, insert(employees), list(row), [list(row.values()), list(other.values())])
    found = run(database.fetch_one, select(employees).where(employees.c.emp_no == 7))
    assert dict(found._mapping) == row


@pytest.mark.skipif(not ON_SQLITE, reason="SQLite's connections alone are each in a thread of their own")
class TestVisitsToTheThreadOfAConnection:
    """Each takes the loop some hundredths of a millisecond, and a login has a dozen statements."""

    @pytest.fixture
    def visits(self, run, ann, monkeypatch):
        """How often a thread is visited, counted from a connection that is open."""
        run(database.fetch_one, select(employees))
        counted, plain = [], aiosqlite.Connection._execute

        async def counting(connection, function, *args):
            counted.append(args)
            return await plain(connection, function, *args)

        monkeypatch.setattr(aiosqlite.Connection, "_execute", counting)
        return counted

    @pytest.mark.parametrize("how", [database.fetch_all, database.fetch_one, database.fetch_val])
    def test_a_query_is_one(self, run, visits, how):
        assert run(how, select(employees)) is not None
        assert len(visits) == 1

    def test_a_write_is_three_with_its_transaction(self, run, visits):
        run(database.execute, update(employees).values(first_name="Anna"))
        assert len(visits) == 3

    def test_a_login_is_no_more_than_its_statements(self, visits, anonymous):
        assert log_in(client_like(anonymous, API), "/api/login").status_code == 200
        assert len(visits) <= 20

    def test_one_row_is_read_where_one_is_asked_for(self, run):
        for number in range(3):
            add_employee(run, f"u{number}@example.com")
        assert run(database.fetch_one, select(employees).order_by(employees.c.email))["email"] == "u0@example.com"
        assert run(database.fetch_one, select(employees).where(employees.c.emp_no < 0)) is None
        assert run(database.fetch_all, select(employees).where(employees.c.emp_no < 0)) == []


def test_a_query_that_is_put_together_once_takes_other_values_each_time(run, ann):
    query = (
        select(employees.c.email)
        .where(employees.c.emp_no == bindparam("number"))
        .limit(bindparam("most", type_=Integer))
    )
    assert run(database.fetch_val, query, {"number": ann.emp_no, "most": 1}) == ann.email
    assert run(database.fetch_val, query, {"number": ann.emp_no + 1, "most": 1}) is None
    assert run(database.fetch_all, query, {"number": ann.emp_no, "most": 0}) == []
