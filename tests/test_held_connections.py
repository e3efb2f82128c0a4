"""Connections to SQLite: bounded, given back whatever happens, and never to a file that is no longer there."""

import asyncio
import contextlib
import sqlite3

import pytest
from sqlalchemy import func, insert, select

from webapp import settings
from webapp.database import Database, Unavailable
from webapp.sqlite import PRAGMAS
from webapp.tables import changes, metadata


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A database file of the test's own, whose connections wait for a lock no longer than a blink."""
    monkeypatch.setattr("webapp.sqlite.PRAGMAS", (*PRAGMAS[:-1], "PRAGMA busy_timeout = 10"))
    path = tmp_path / "own.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        for table in metadata.sorted_tables:
            made.execute(f"CREATE TABLE {table.name} ({', '.join(column.name for column in table.columns)})")
    return path


def with_own(file, test):
    """Run a test's coroutine with a database of its own."""

    async def run():
        async with Database(f"sqlite:///{file}") as own:
            await test(own)

    asyncio.run(run())


async def write(own):
    await own.execute(insert(changes).values(made=1.0, emp_no=1))


async def rows(own):
    return await own.fetch_val(select(func.count()).select_from(changes))


@contextlib.contextmanager
def locked(file):
    """Somebody else writes and does not finish."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_lock_costs_no_connection(file):
    async def test(own):
        with locked(file):
            for _ in range(3 * settings.DATABASE_POOL_SIZE):
                with pytest.raises(Unavailable):
                    await write(own)
                with pytest.raises(Unavailable):
                    async with own.transaction():
                        raise AssertionError("it never begins")
            assert await rows(own) == 0, "reading goes on"
        await asyncio.gather(*(write(own) for _ in range(20)))
        assert await rows(own) == 20

    with_own(file, test)


def test_writers_that_wait_leave_room_for_readers(file, monkeypatch):
    monkeypatch.setattr("webapp.sqlite.PRAGMAS", (*PRAGMAS[:-1], "PRAGMA busy_timeout = 300"))
    monkeypatch.setattr(settings, "DATABASE_TIMEOUT_SECONDS", 0.2)

    async def test(own):
        with locked(file):
            writers = [asyncio.create_task(write(own)) for _ in range(20)]
            await asyncio.sleep(0)
            assert await asyncio.wait_for(rows(own), 0.1) == 0
            refused = await asyncio.gather(*writers, return_exceptions=True)
        assert {type(error) for error in refused} == {Unavailable}
        await write(own)

    with_own(file, test)


@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_a_transaction_that_cannot_end_gives_its_connection_back(file, monkeypatch, how):
    async def fail(_):
        raise sqlite3.OperationalError("disk I/O error")

    async def test(own):
        for _ in range(2 * settings.DATABASE_POOL_SIZE):
            with monkeypatch.context() as broken:
                broken.setattr(f"webapp.sqlite.ImmediateTransaction.{how}", fail)
                transaction = await own.transaction()
                await write(own)
                with pytest.raises(Unavailable):
                    await getattr(transaction, how)()
        assert await rows(own) == 0
        await write(own)

    with_own(file, test)


def test_a_file_that_was_moved_away_is_missed_and_found_again(file):
    async def test(own):
        await write(own)
        file.rename(file.with_suffix(".away"))
        with pytest.raises(Unavailable):
            await rows(own)
        assert not file.exists(), "no empty one is made in its place"
        file.with_suffix(".away").rename(file)
        assert await rows(own) == 1

    with_own(file, test)


def test_a_file_that_was_replaced_is_read_anew(file):
    async def test(own):
        await write(own)
        other = file.with_suffix(".other")
        with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(other)) as copy:
            source.backup(copy)
            copy.execute("DELETE FROM changes")
            copy.commit()
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        other.rename(file)
        assert await rows(own) == 0

    with_own(file, test)


def test_what_is_no_database_is_unavailable(file):
    async def test(own):
        other = file.with_suffix(".other")
        other.write_bytes(b"no database" * 1000)
        other.rename(file)
        with pytest.raises(Unavailable):
            await rows(own)

    with_own(file, test)


def test_nonsense_is_not_taken_for_a_database_that_is_away(file):
    async def test(own):
        with pytest.raises(sqlite3.ProgrammingError):
            await own.fetch_val("SELECT :a", {"a": object()})

    with_own(file, test)
