"""Copy an SQLite database while it is in use."""

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

from webapp import settings

THEIR_OWN = {"postgresql": "pg_dump", "mysql": "mariadb-dump", "mariadb": "mariadb-dump"}


def backup(target: Path) -> None:
    """Copy the database to a new file, or refuse with one line."""
    url = settings.DATABASE_URL
    if url.dialect in THEIR_OWN:
        settings.refuse(f"this database has a tool of its own for that: {THEIR_OWN[url.dialect]}")
    if target.exists():
        settings.refuse(f"{target} is there already; name a new file")
    if not Path(url.database).exists():
        settings.refuse(f"there is no database at {url.database} yet")
    try:
        copy(Path(url.database), target)
    except (OSError, sqlite3.Error) as error:
        settings.refuse(f"the copy could not be made ({error}); nothing was left behind")
    print(f"{url.database} was copied to {target}")


def copy(source: Path, target: Path) -> None:
    """Copy one moment of a database, readable by its owner only, to a file that is there whole or not at all.

    Raises:
        OSError, sqlite3.Error: it could not be read or written.
    """
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as database,
            contextlib.closing(sqlite3.connect(draft)) as copied,
        ):
            database.backup(copied)
        os.link(draft, target)
    finally:
        os.unlink(draft)
