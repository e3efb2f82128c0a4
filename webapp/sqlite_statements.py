"""Statements on SQLite, each in one visit to its connection's thread, where `databases` makes three.

A visit takes the event loop some hundredths of a millisecond, and a login has a dozen statements.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiosqlite
from databases.backends.common.records import Record, Row, create_column_maps
from sqlalchemy.engine.cursor import CursorResultMetaData
from sqlalchemy.engine.interfaces import Dialect


class Done(NamedTuple):
    """What a statement has given: its rows, what they consist of, and the number of the row that was added last."""

    rows: list[Any]
    description: Any
    number: int | None


async def visit(connection: aiosqlite.Connection, sql: str, values: Sequence[Any], most: int = -1) -> Done:
    """Run a statement in its connection's thread, and return at most so many rows, all where `most` is negative."""
    thread: Any = connection
    done: Done = await thread._execute(run, connection._conn, sql, values, most)
    return done


def run(connection: sqlite3.Connection, sql: str, values: Sequence[Any], most: int) -> Done:
    """Run a statement to its end."""
    cursor = connection.execute(sql, values)
    try:
        rows = cursor.fetchall() if most < 0 else cursor.fetchmany(most)
        return Done(rows, cursor.description, cursor.rowcount if cursor.lastrowid == 0 else cursor.lastrowid)
    finally:
        cursor.close()


def records(done: Done, columns: Any, context: Any, dialect: Dialect) -> list[Record]:
    """Return rows as `databases` returns them."""
    if not done.rows:
        return []
    maps, described = create_column_maps(columns), CursorResultMetaData(context, done.description)
    keys: Any = described._keymap
    return [Record(Row(described, described._processors, keys, row), columns, dialect, maps) for row in done.rows]
