"""The audit log: who changed what of whom, when and from where; nothing in it ever changes."""

import importlib
import json

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.conftest import migrated
from webapp import audit, schema
from webapp.auth import housekeeping
from webapp.database import database
from webapp.tables import audit as table

COMMAND = audit.Actor(None, audit.How.COMMAND, "ann")


@pytest.fixture
def guarded(run, anonymous):
    """The table with the triggers of its migration, as everywhere but in other tests."""
    migration = importlib.import_module("webapp.migrations.versions.0005_audit")

    def make(connection):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("DROP FUNCTION IF EXISTS audit_only_grows() CASCADE")
        migration.make_triggers(connection)

    async def guard():
        engine = create_async_engine(schema.address(), poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(make)
        await engine.dispose()

    run(guard)
    yield
    run(unguard)


async def unguard():
    await database.disconnect()
    await migrated()
    await database.connect()


def noted(run):
    return run(database.fetch_all, select(table).order_by(table.c.id))


def test_a_note_says_who_did_what_to_whom_when_and_from_where(run, anonymous, moved_clock):
    """ASVS 16.2.1."""
    run(audit.note, COMMAND, audit.Action.EDITED, 10001, {"last_name": ["Lee", "Löwe"]})
    (row,) = noted(run)
    assert json.loads(row["details"]) == {"last_name": ["Lee", "Löwe"]}
    kept = {field: row[field] for field in ("actor", "how", "address", "action", "emp_no")}
    assert kept == {"actor": None, "how": "command line", "address": "ann", "action": "edited", "emp_no": 10001}
    assert row["made"] == pytest.approx(moved_clock.time, abs=1e-6)


def test_what_is_undone_is_not_noted(run, anonymous):
    async def undo():
        async with database.transaction():
            await audit.note(COMMAND, audit.Action.EDITED, 10001)
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        run(undo)
    assert noted(run) == []


@pytest.mark.parametrize("field", ["password", "password_hash", "token", "link", "key"])
def test_a_secret_has_no_place_in_the_log(run, anonymous, field):
    """ASVS 16.2.5."""
    with pytest.raises(ValueError, match="no place"):
        run(audit.note, COMMAND, audit.Action.EDITED, 10001, {field: "x"})
    assert noted(run) == []


@pytest.mark.parametrize("statement", [delete(table), update(table).values(made=0)], ids=["delete", "update"])
def test_the_database_refuses_to_change_or_remove_what_is_noted(run, guarded, statement):
    """ASVS 16.4.2."""
    run(audit.note, COMMAND, audit.Action.CREATED, 10001)
    with pytest.raises(Exception, match="the audit log only grows"):
        run(database.execute, statement)
    assert len(noted(run)) == 1


@pytest.mark.skipif(database.url.dialect == "postgresql", reason="PostgreSQL has no such statement")
def test_nor_to_put_another_row_in_its_place(run, guarded):
    """ASVS 16.4.2."""
    run(audit.note, COMMAND, audit.Action.CREATED, 10001)
    with pytest.raises(Exception, match="the audit log only grows"):
        run(database.execute, "REPLACE INTO audit SELECT * FROM audit")
    run(audit.note, COMMAND, audit.Action.CREATED, 10002)
    assert len(noted(run)) == 2


def test_tidying_leaves_the_log_alone(run, anonymous, moved_clock):
    run(audit.note, COMMAND, audit.Action.CREATED, 10001)
    moved_clock.forward(100 * 365 * 86400)
    run(housekeeping.tidy)
    assert len(noted(run)) == 1


def test_only_what_differs_is_told():
    before, after = {"email": "a@b.example", "gender": None}, {"email": "a@b.example", "gender": "F"}
    assert audit.differences(before, after, before) == {"gender": [None, "F"]}
