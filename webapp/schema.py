"""Which revision of the tables the database has, and how it comes to the newest; Alembic is imported only for that."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, inspect
from sqlalchemy.exc import DBAPIError

from webapp import settings
from webapp.database import Unavailable, database
from webapp.private_files import make_private

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"
# The tables as they were when nobody wrote down a revision.
FIRST = "0001"
COMMAND = "python run.py migrate"

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}
# From each engine's own catalogue: a query on a missing table is an error that each words its own way.
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
}
# Who migrates takes this first, and a second one waits. sqlite3 itself begins no transaction for DDL.
LOCKS = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(5283915)",
    "mysql": "SELECT GET_LOCK('latchkey migrate', 60)",
}
WAIT_SECONDS = 60


def engine_name() -> str:
    """Return sqlite, postgresql or mysql."""
    return database.url.dialect.replace("mariadb", "mysql")


def revisions() -> list[str]:
    """Return every revision that this version knows, the oldest first."""
    return sorted(file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def head() -> str:
    """Return the newest revision."""
    return revisions()[-1]


async def revision_of_database() -> str | None:
    """Return the revision that the database says it has, None where it says nothing."""
    names = {row[0] for row in await database.fetch_all(TABLES[engine_name()])}
    if "alembic_version" not in names:
        return None
    revision: str | None = await database.fetch_val("SELECT version_num FROM alembic_version")
    return revision


async def ensure_current() -> None:
    """Bring an SQLite file to the newest revision, refuse any other database that is not there, once in a program."""
    if database.is_current:
        return
    revision = await revision_of_database()
    refuse_newer(revision)
    if revision != head():
        if engine_name() != "sqlite":
            had = f"revision {revision}" if revision else "no revision"
            settings.refuse(f"the database's tables are of {had} and not of {head()}; run `{COMMAND}`")
        await migrate()
    database.is_current = True


def refuse_newer(revision: str | None) -> None:
    """End the program with one line if the database is of a later version than this one."""
    if revision and revision not in revisions():
        settings.refuse(
            f"the database's tables are of revision {revision}, newer than {head()}, the newest known here; "
            f"install that later version, `{COMMAND}` cannot go back"
        )


async def migrate() -> str | None:
    """Bring the database to the newest revision and return the one that it had.

    Raises:
        Unavailable: the database cannot do its work just now.
    """
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(address(), poolclass=NullPool, connect_args=connection_options())
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(upgrade)
    except DBAPIError as error:
        raise Unavailable(str(error.orig)) from error
    finally:
        await engine.dispose()


def address() -> URL:
    """Return where the database is, as SQLAlchemy's engines have it."""
    url = database.url
    return URL.create(
        DRIVERS[engine_name()],
        username=url.username,
        password=url.password,
        host=url.hostname,
        port=url.port,
        database=url.database,
    )


def connection_options() -> dict[str, Any]:
    """Return what a driver is told besides the address: DATABASE_URL's own way to the server, as for requests."""
    if engine_name() == "sqlite":
        return {"isolation_level": None, "timeout": WAIT_SECONDS}
    told: dict[str, Any] = database._backend._get_connection_kwargs()
    return {name: told[name] for name in ("ssl", "unix_socket") if name in told}


def upgrade(connection: "Connection") -> str | None:
    """Bring the database to the newest revision, on a connection that has begun, and return the one that it had."""
    from alembic import command
    from alembic.migration import MigrationContext

    lock = connection.exec_driver_sql(LOCKS[engine_name()])
    if lock.returns_rows and lock.scalar() == 0:
        raise Unavailable("somebody else is migrating it")
    written = MigrationContext.configure(connection).get_current_revision()
    refuse_newer(written)
    revision = written or (FIRST if inspect(connection).has_table("employees") else None)
    if engine_name() == "sqlite" and revision not in (None, head()):
        copy_beside(Path(database.url.database))
    if revision and not written:
        command.stamp(config(connection), revision)
    command.upgrade(config(connection), "head")
    return written


def config(connection: "Connection") -> "Config":
    """Return Alembic's settings; migrations/env.py takes the connection from them."""
    from alembic.config import Config

    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def copy_beside(file: Path) -> None:
    """Copy an SQLite file, with what its write-ahead log holds, beside itself, readable by its owner only."""
    unfinished = file.with_name(f"{file.name}.unfinished-copy")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(unfinished)) as copy:
        source.backup(copy)
    os.replace(unfinished, file.with_name(f"{file.name}.before-{head()}"))
