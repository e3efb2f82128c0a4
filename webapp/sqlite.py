"""SQLite for `databases`, on connections that stay open; the plain backend opens one, and a thread, for each query."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiosqlite
from databases import DatabaseURL
from databases.backends.common.records import Record
from databases.backends.sqlite import SQLiteBackend, SQLiteConnection, SQLiteTransaction
from databases.interfaces import TransactionBackend

from webapp import settings
from webapp.private_files import make_private
from webapp.sqlite_statements import records, visit

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
)
BULK_CACHE_KIB = 32000
# Which file a connection has open: its device and its inode.
Identity = tuple[int, int]


class HeldConnections:
    """At most `size` open connections, each with its PRAGMAs set once and used again and again."""

    def __init__(self, file: str, size: int) -> None:
        self.file = file
        self.idle: list[tuple[aiosqlite.Connection, Identity]] = []
        self.places = asyncio.Semaphore(size)

    async def acquire(self) -> tuple[aiosqlite.Connection, Identity]:
        """Return a connection to the file that is there now, which may have been moved away or put back."""
        await self.places.acquire()
        try:
            identity = self.identity()
            while self.idle:
                connection, opened = self.idle.pop()
                if opened == identity:
                    return connection, opened
                await connection.close()
            return await self.open(), identity
        except BaseException:
            self.places.release()
            raise

    def identity(self) -> Identity:
        """Return which file is there now."""
        try:
            status = os.stat(self.file)
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open database file ({error.strerror})") from error
        return status.st_dev, status.st_ino

    async def open(self) -> aiosqlite.Connection:
        """Return a new connection to a file that is there."""
        opening = aiosqlite.connect(f"file:{quote(self.file)}?mode=rw", uri=True, isolation_level=None)
        try:
            connection = await opening
        except BaseException:
            await asyncio.to_thread(opening._thread.join)
            raise
        try:
            for pragma in PRAGMAS:
                await connection.execute_fetchall(pragma)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def release(self, connection: aiosqlite.Connection, identity: Identity, *, spoilt: bool) -> None:
        """Take a connection back, unless something has gone wrong on it."""
        try:
            if spoilt or connection.in_transaction:
                await connection.close()
            else:
                self.idle.append((connection, identity))
        finally:
            self.places.release()

    async def close(self) -> None:
        while self.idle:
            await self.idle.pop()[0].close()


class ImmediateTransaction(SQLiteTransaction):
    """A transaction that takes SQLite's one place for a writer at its start, so that it never fails half-way."""

    async def start(self, is_root: bool, extra_options: dict[Any, Any]) -> None:
        if is_root:
            self._is_root = True
            await self._connection.raw_connection.execute_fetchall("BEGIN IMMEDIATE")
        else:
            await super().start(is_root, extra_options)

    async def commit(self) -> None:
        if self._is_root:
            await self._connection.raw_connection.execute_fetchall("COMMIT")
        else:
            await super().commit()


class HeldConnection(SQLiteConnection):
    """One use of a held connection."""

    _pool: Any
    spoilt = False
    identity: Identity

    async def acquire(self) -> None:
        self._connection, self.identity = await self._pool.acquire()

    async def release(self) -> None:
        assert self._connection is not None
        connection, self._connection = self._connection, None
        await self._pool.release(connection, self.identity, spoilt=self.spoilt)

    async def fetch_all(self, query: Any) -> list[Any]:
        return await self.find(query)

    async def fetch_one(self, query: Any) -> Record | None:
        return next(iter(await self.find(query, 1)), None)

    async def find(self, query: Any, most: int = -1) -> list[Record]:
        """Return what a query finds, no more than so many rows."""
        compiled: Any = self._compile(query)
        sql, values, columns, context = compiled
        done = await visit(self.raw_connection, sql, values, most)
        return records(done, columns, context, self._dialect)

    async def execute(self, query: Any) -> Any:
        sql, values, *_ = self._compile(query)
        return (await visit(self.raw_connection, sql, values)).number

    def transaction(self) -> TransactionBackend:
        return ImmediateTransaction(self)

    async def execute_rows(self, statement: str, names: list[str], rows: list[Any]) -> None:
        """Execute a statement for the parameters of each row, with memory for indexes in another order."""
        await self.raw_connection.execute_fetchall(f"PRAGMA cache_size = -{BULK_CACHE_KIB}")
        await self.raw_connection.executemany(statement, rows)


class HeldSQLiteBackend(SQLiteBackend):
    """`databases`' SQLite backend on held connections.

    Attributes:
        time: the query for its clock; it has none but this machine's.
        turn: held by the one task that writes; the others wait here and not on a connection each.
    """

    turn: asyncio.Lock
    updates_return_rows = True
    # It has one writer at a time.
    wait_for_turn = None
    time = None

    def __init__(self, database_url: DatabaseURL | str, **options: Any) -> None:
        super().__init__(database_url, **options)
        self.file = DatabaseURL(database_url).database

    async def connect(self) -> None:
        Path(self.file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(Path(self.file))
        self.turn = asyncio.Lock()
        self._pool: Any = HeldConnections(self.file, settings.DATABASE_POOL_SIZE)
        first = await self._pool.open()
        self._pool.idle.append((first, self._pool.identity()))

    async def disconnect(self) -> None:
        await self._pool.close()

    def connection(self) -> HeldConnection:
        return HeldConnection(self._pool, self._dialect)

    @staticmethod
    def is_unavailable(error: Exception) -> bool:
        """Return whether an error says that the database cannot do its work, and not that it was asked for nonsense."""
        nonsense = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, nonsense)

    @staticmethod
    def is_duplicate(error: Exception) -> bool:
        """Return whether an error says that a row of that key is there already."""
        return isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error)
