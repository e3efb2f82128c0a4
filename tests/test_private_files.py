"""What holds hashes is its owner's only: the database, what is beside it, and every copy (ASVS 13.3.2)."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from databases import DatabaseURL

from tests.test_schema import build, file, next_version, start  # noqa: F401  fixtures
from webapp import database as tables
from webapp import private_files, schema, server, settings, sqlite
from webapp.exchange.draft import Draft

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


@pytest.fixture(params=[0o000, 0o022, 0o002, 0o077, 0o777], ids=oct)
def umask(request):
    """A umask; the folder is there already, and open to all."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def opened(path, action):
    """Do something while a database is open."""

    async def run():
        async with tables.Database(DatabaseURL(f"sqlite:///{path}")) as database:
            await database.execute("CREATE TABLE IF NOT EXISTS a (b)")
            await database.execute("INSERT INTO a VALUES (1)")
            return action()

    return asyncio.run(run())


def test_a_new_database_and_what_is_beside_it_is_its_owners_only(tmp_path, umask):
    found = opened(tmp_path / "new.db", lambda: modes(tmp_path))
    assert found == dict.fromkeys(["new.db", "new.db-wal", "new.db-shm"], 0o600)


def test_there_is_no_moment_in_which_others_can_read_a_new_database(tmp_path, monkeypatch):
    seen, of_connect = [], sqlite.aiosqlite.connect

    def connect(*arguments, **options):
        seen.append(modes(tmp_path))
        return of_connect(*arguments, **options)

    made_with, of_open = [], os.open
    monkeypatch.setattr(sqlite.aiosqlite, "connect", connect)
    monkeypatch.setattr(private_files.os, "open", lambda *given: made_with.append(given[1:]) or of_open(*given))
    opened(tmp_path / "new.db", lambda: None)
    assert seen[0] == {"new.db": 0o600}
    assert made_with[0] == (os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def test_behind_a_link_that_leads_nowhere_yet(tmp_path, umask):
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    (tmp_path / "link.db").symlink_to(folder / "real.db")
    opened(tmp_path / "link.db", lambda: None)
    assert modes(folder) == {"real.db": 0o600}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
def test_the_mode_of_a_database_that_is_there_stays(tmp_path, mode):
    opened(tmp_path / "old.db", lambda: None)
    (tmp_path / "old.db").chmod(mode)
    assert set(opened(tmp_path / "old.db", lambda: modes(tmp_path)).values()) == {mode}


def test_a_tightened_database_is_not_loosened(tmp_path):
    opened(tmp_path / "old.db", lambda: None)
    (tmp_path / "old.db").chmod(0o400)
    private_files.make_private(tmp_path / "old.db")
    assert modes(tmp_path) == {"old.db": 0o400}


class TestWarning:
    @pytest.fixture
    def database(self, tmp_path):
        database = tmp_path / "it's [mine].db"
        opened(database, lambda: None)
        return database

    def test_nothing_is_said_of_what_only_its_owner_can_read(self, database, capsys):
        database.with_name(f"{database.name}.before-0003").touch(0o600)
        private_files.warn_if_others_can_read(database)
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
    @pytest.mark.parametrize("ending", ["", "-wal", "-shm", ".before-0003"])
    def test_one_line_says_what_to_run(self, database, capsys, mode, ending):
        which = database.with_name(database.name + ending)
        which.touch(0o600)
        which.chmod(mode)
        private_files.warn_if_others_can_read(database)
        (line,) = capsys.readouterr().err.splitlines()
        assert "others can read the database" in line
        subprocess.run(["sh", "-c", f"chmod{line.partition(': chmod')[2]}"], capture_output=True, check=False)
        private_files.warn_if_others_can_read(database)
        assert capsys.readouterr().err == "", "the command that it says is the right one"

    def test_it_says_what_sqlite_puts_beside_it_while_the_server_runs(self, database, capsys):
        database.chmod(0o644)
        private_files.warn_if_others_can_read(database)
        said = capsys.readouterr().err
        assert "-wal" in said
        assert "-shm" in said

    def test_the_start_warns_and_goes_on(self, database, capsys, monkeypatch):
        """A key that others can read is refused; a database may have been so for years."""
        database.chmod(0o644)
        monkeypatch.setattr(settings, "DATABASE_URL", DatabaseURL(f"sqlite:///{database}"))
        monkeypatch.setattr(schema, "database", tables.Database(settings.DATABASE_URL))

        async def first_steps():
            return []

        class Went(Exception):
            pass

        def listen():
            raise Went

        monkeypatch.setattr(server, "first_steps", first_steps)
        monkeypatch.setattr(server, "listen", listen)
        with pytest.raises(Went):
            server.serve()
        assert capsys.readouterr().err.count("chmod 600") == 1


def test_the_copy_before_a_migration_is_its_owners_only(file, next_version, umask):  # noqa: F811
    mode = {0o000: 0o666, 0o002: 0o600, 0o022: 0o640, 0o077: 0o666, 0o777: 0o600}[umask]
    build(file, "head")
    file.chmod(mode)
    next_version()
    assert start()
    assert modes(file.parent)["latchkey.db.before-9000"] == 0o600
    assert modes(file.parent)["latchkey.db"] == mode


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_the_draft_of_an_import_can_be_opened_by_nobody_else(umask):
    def open_files():
        found = {number: Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
        return {number: path for number, path in found.items() if os.path.lexists(path)}

    before = open_files().keys()
    with contextlib.closing(Draft()) as draft:
        rows = ((number, number, "x" * 500) for number in range(20_000))
        draft.file.executemany("INSERT INTO drafted (line, emp_no, first_name) VALUES (?, ?, ?)", rows)
        drafts = [path for number, path in open_files().items() if number not in before]
        assert drafts
        for path in drafts:
            assert os.readlink(path).endswith("(deleted)"), "no name leads to it"
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0


def test_backups_are_their_owners_only_whatever_the_umask(tmp_path, umask, monkeypatch):
    from webapp import backup

    with contextlib.closing(sqlite3.connect(tmp_path / "source.db")) as made:
        made.execute("CREATE TABLE a (b)")
    (tmp_path / "source.db").chmod(0o644)
    backup.copy(tmp_path / "source.db", tmp_path / "copy.db")
    assert modes(tmp_path)["copy.db"] & 0o077 == 0
