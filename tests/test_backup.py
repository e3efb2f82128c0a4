"""A backup is one moment of the database, whole or not there at all."""

import contextlib
import sqlite3
import stat
import threading

import pytest
from databases import DatabaseURL

from tests.test_settings import refused
from webapp import backup, settings


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A database of pairs that always agree."""
    path = tmp_path / "of its own.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE pair (name PRIMARY KEY, value, filling)")
        made.executemany("INSERT INTO pair VALUES (?, 0, ?)", [(number, "x" * 4000) for number in range(200)])
    monkeypatch.setattr(settings, "DATABASE_URL", DatabaseURL(f"sqlite:///{path}"))
    return path


def values_in(path):
    with contextlib.closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {value for (value,) in opened.execute("SELECT value FROM pair")}


def test_it_is_one_moment_while_others_write(file, tmp_path, capsys):
    done, writes = threading.Event(), []

    def write():
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            while not done.is_set():
                other.execute("UPDATE pair SET value = value + 1")
                writes.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            before = len(writes)
            backup.backup(tmp_path / f"copy{number}")
            while len(writes) == before:
                pass
    finally:
        done.set()
        writer.join()
    for number in range(5):
        assert len(values_in(tmp_path / f"copy{number}")) == 1
    assert f"was copied to {tmp_path}/copy4" in capsys.readouterr().out
    assert stat.S_IMODE((tmp_path / "copy0").stat().st_mode) == 0o600


def test_it_overwrites_nothing(file, tmp_path, capsys):
    (tmp_path / "precious").write_text("precious")
    assert "is there already" in refused(capsys, backup.backup, tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "precious"


def test_what_cannot_be_written_leaves_nothing(file, tmp_path, capsys):
    assert "nothing was left behind" in refused(capsys, backup.backup, tmp_path / "nowhere" / "copy")
    file.write_bytes(b"no database" * 1000)
    assert "nothing was left behind" in refused(capsys, backup.backup, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


@pytest.mark.parametrize(("url", "tool"), [("postgresql://h/n", "pg_dump"), ("mariadb://h/n", "mariadb-dump")])
def test_the_others_have_tools_of_their_own(tmp_path, capsys, monkeypatch, url, tool):
    monkeypatch.setattr(settings, "DATABASE_URL", DatabaseURL(url))
    assert tool in refused(capsys, backup.backup, tmp_path / "copy")


def test_nothing_is_made_where_there_is_no_database(file, tmp_path, capsys):
    file.unlink()
    assert "there is no database" in refused(capsys, backup.backup, tmp_path / "copy")
    assert not file.exists()
