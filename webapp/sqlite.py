"""An SQLite backend for `databases` that keeps its connections open."""

import asyncio
from pathlib import Path
from typing import Any

import aiosqlite
from databases import DatabaseURL
from databases.backends.sqlite import SQLiteBackend, SQLiteConnection, SQLiteTransaction
from databases.interfaces import TransactionBackend

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
)


class HeldConnections:
    """At most `size` open connections, each with its PRAGMAs set once and used again and again."""

    def __init__(self, file: str, size: int = 4) -> None:
        self.file = file
        self.idle: list[aiosqlite.Connection] = []
        self.places = asyncio.Semaphore(size)

    async def acquire(self) -> aiosqlite.Connection:
        await self.places.acquire()
        try:
            return self.idle.pop() if self.idle else await self.open()
        except BaseException:
            self.places.release()
            raise

    async def open(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self.file, isolation_level=None)
        try:
            for pragma in PRAGMAS:
                await connection.execute_fetchall(pragma)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def release(self, connection: aiosqlite.Connection) -> None:
        self.idle.append(connection)
        self.places.release()

    async def close(self) -> None:
        while self.idle:
            await self.idle.pop().close()


class ImmediateTransaction(SQLiteTransaction):
    """A transaction that takes SQLite's one place for a writer at its start, so that it never fails half-way."""

    async def start(self, is_root: bool, extra_options: dict[Any, Any]) -> None:
        if is_root:
            self._is_root = True
            await self._connection.raw_connection.execute_fetchall("BEGIN IMMEDIATE")
        else:
            await super().start(is_root, extra_options)


class HeldConnection(SQLiteConnection):
    """One use of a held connection."""

    def transaction(self) -> TransactionBackend:
        return ImmediateTransaction(self)


class HeldSQLiteBackend(SQLiteBackend):
    """`databases`' SQLite backend on held connections; the plain one opens a connection and a thread a query."""

    def __init__(self, database_url: DatabaseURL | str, **options: Any) -> None:
        super().__init__(database_url, **options)
        self.file = DatabaseURL(database_url).database

    async def connect(self) -> None:
        Path(self.file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._pool: Any = HeldConnections(self.file)
        await self._pool.release(await self._pool.acquire())

    async def disconnect(self) -> None:
        await self._pool.close()

    def connection(self) -> HeldConnection:
        return HeldConnection(self._pool, self._dialect)
