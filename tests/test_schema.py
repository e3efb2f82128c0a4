"""Migrations: from every revision to the newest without losing a row, and all or nothing."""

import asyncio
import contextlib
import importlib.util
import shutil
import sqlite3

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import DatabaseURL

from webapp import commands, sample, schema, search, server
from webapp import database as tables
from webapp import employees as staff
from webapp.cli import main
from webapp.tables import metadata

LATER = '''"""One more column."""

import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("employees", sa.Column("nickname", sa.String(50)))
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The path of a database of one's own, which is not there yet."""
    own = tables.Database(DatabaseURL(f"sqlite:///{tmp_path}/latchkey.db"))
    for module in (tables, staff, search, schema, commands, sample, server):
        monkeypatch.setattr(module, "database", own)
    return tmp_path / "latchkey.db"


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """Add one more revision, which ends with these lines."""

    def add(last_lines=""):
        folder = tmp_path / "migrations"
        shutil.copytree(schema.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9000_later.py").write_text(LATER.format(head=schema.head()) + last_lines)
        monkeypatch.setattr(schema, "FOLDER", folder)
        tables.database.is_current = False

    return add


def build(file, revision):
    """Make a database at a revision, with a row in every table, and return how many rows each has."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), revision)
        reflected = sa.MetaData()
        reflected.reflect(connection)
        for table in reflected.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert().values({column.name: value_for(column) for column in table.columns}))
    engine.dispose()
    return {name: 1 for name in metadata.tables if name in reflected.tables}


def value_for(column):
    """Return a value of a column's type; the same one for a key and for what refers to it."""
    if isinstance(column.type, sa.Date):
        return sa.func.date("2020-01-02")
    if column.name == "first_name":
        return "2"
    return 1 if isinstance(column.type, (sa.Numeric, sa.Integer, sa.Boolean)) else "1"


def query(file, sql):
    with contextlib.closing(sqlite3.connect(file)) as opened:
        return opened.execute(sql).fetchall()


def counts(file):
    return {name: query(file, f"SELECT count(*) FROM {name}")[0][0] for name in metadata.tables}  # noqa: S608


def columns(file):
    return {name for _, name, *_ in query(file, "PRAGMA table_info(employees)")}


def start():
    """Start, and return whether there is any employee."""
    return server.SAMPLE not in asyncio.run(server.first_steps())


def differences(file):
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


def test_the_file_names_tell_what_alembic_reads_in_the_files():
    script = ScriptDirectory.from_config(schema.config(None))
    assert schema.revisions() == [one.revision for one in reversed(list(script.walk_revisions()))]
    assert schema.head() == script.get_current_head()


@pytest.mark.parametrize("revision", schema.revisions())
def test_every_revision_comes_to_the_newest_without_losing_a_row(file, revision):
    built = build(file, revision)
    assert start()
    assert counts(file).items() >= built.items()
    assert differences(file) == []


def test_a_new_database_has_the_tables_of_the_code(file):
    assert not start()
    assert differences(file) == []
    assert query(file, "SELECT version_num FROM alembic_version") == [(schema.head(),)]
    assert list(file.parent.glob("*before*")) == []


def test_tables_from_before_migrations_are_adopted(file):
    built = build(file, schema.FIRST)
    with contextlib.closing(sqlite3.connect(file)) as opened:
        opened.execute("DROP TABLE alembic_version")
    assert start()
    assert counts(file).items() >= built.items()
    assert query(file, "SELECT version_num FROM alembic_version") == [(schema.head(),)]


def test_a_copy_of_the_older_file_is_left_beside_it(file, next_version):
    build(file, "head")
    next_version()
    assert start()
    copy = file.with_name("latchkey.db.before-9000")
    assert "nickname" in columns(file)
    assert "nickname" not in columns(copy)
    assert counts(file) == counts(copy) == dict.fromkeys(metadata.tables, 1)
    assert not file.with_name("latchkey.db.unfinished-copy").exists()


def test_an_interrupted_migration_leaves_the_tables_as_they_were(file, next_version):
    build(file, "head")
    revision = schema.head()
    before = query(file, "SELECT sql FROM sqlite_master ORDER BY name")
    next_version('    raise RuntimeError("the power is gone")\n')
    with pytest.raises(RuntimeError, match="the power is gone"):
        start()
    assert query(file, "SELECT sql FROM sqlite_master ORDER BY name") == before
    assert query(file, "SELECT version_num FROM alembic_version") == [(revision,)]
    assert counts(file) == dict.fromkeys(metadata.tables, 1)


@pytest.mark.parametrize("act", [start, lambda: main(["migrate"])])
def test_a_newer_database_is_refused_in_one_line(file, capsys, act):
    build(file, "head")
    with contextlib.closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SystemExit) as ended:
        act()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "9999, newer than" in line
    assert "python run.py migrate" in line


@pytest.mark.parametrize("revision", [None, "0000"])
def test_another_engine_is_not_migrated_by_itself(file, monkeypatch, capsys, revision):
    async def found():
        return revision

    monkeypatch.setattr(schema, "engine_name", lambda: "postgresql")
    monkeypatch.setattr(schema, "revision_of_database", found)
    monkeypatch.setattr(schema, "revisions", lambda: ["0000", "0001"])
    with pytest.raises(SystemExit):
        start()
    (line,) = capsys.readouterr().err.splitlines()
    assert "run `python run.py migrate`" in line


def test_migrate_says_the_second_time_that_there_is_nothing_to_do(file, capsys):
    assert main(["migrate"]) == 0
    assert f"now at revision {schema.head()}" in capsys.readouterr().out
    assert main(["migrate"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_locked_database_is_one_line(file, monkeypatch, capsys):
    monkeypatch.setattr(schema, "WAIT_SECONDS", 0)
    build(file, "head")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as opened:
        opened.execute("BEGIN IMMEDIATE")
        with pytest.raises(SystemExit):
            main(["migrate"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be used (database is locked)" in line


@pytest.mark.skipif(importlib.util.find_spec("asyncpg") is None, reason="asyncpg is not installed")
def test_a_migration_goes_the_way_to_the_server_that_requests_go(monkeypatch):
    monkeypatch.setattr(
        schema, "database", tables.Database("postgresql://ann@db.example.com/people?ssl=require&min_size=2")
    )
    assert schema.connection_options() == {"ssl": "require"}


def test_attempts_of_before_have_keys_and_keep_no_text_that_is_nobodys_email(file):
    """0008: a password that was typed into the email field is not in the file any more."""
    build(file, "0007")
    rows = [
        ("2001:db8:1:2::7", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("<script>", "unreadable", "unreadable"),
        ("", "unreadable", "unreadable"),
    ]
    insert = (
        "INSERT INTO attempts (made, email, email_key, emp_no, outcome, address, user_agent)"
        " VALUES (1, 'My-Typed-Password!', 'my-typed-password!', NULL, 'wrong', ?, 'x')"
    )
    with contextlib.closing(sqlite3.connect(file)) as opened, opened:
        opened.executemany(insert, [row[:1] for row in rows])
    assert start()
    found = query(file, "SELECT address, address_key, address_space FROM attempts WHERE user_agent = 'x' ORDER BY id")
    assert found == rows
    assert query(file, "SELECT DISTINCT email, email_key FROM attempts WHERE emp_no IS NULL") == [("", "")]
    assert query(file, "SELECT email, email_key FROM attempts WHERE emp_no = 1") == [("1", "")]
    with contextlib.closing(sqlite3.connect(file)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"typed-password" not in file.read_bytes().lower()
