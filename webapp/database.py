"""The one database: connections that are waited for in bounded time, and transactions that leave nothing behind."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import databases
from databases.core import Connection, Transaction
from sqlalchemy.schema import CreateIndex, CreateTable

from webapp import settings
from webapp.tables import metadata


class Unavailable(Exception):
    """The database cannot do its work just now: it is away, locked, full or too busy."""


@contextlib.contextmanager
def watched(connection: Connection) -> Iterator[None]:
    """Turn what an engine raises when it cannot do its work into Unavailable, and use that connection no more."""
    backend: Any = connection._backend
    try:
        yield
    except Exception as error:
        if not isinstance(error, TimeoutError) and not backend.is_unavailable(error):
            raise
        connection._connection.spoilt = True  # type: ignore[attr-defined]
        raise Unavailable(str(error) or "it took too long to answer") from error


class WatchedConnection(Connection):
    """A connection that is waited for no longer than DATABASE_TIMEOUT_SECONDS."""

    async def __aenter__(self) -> "WatchedConnection":
        with watched(self):
            async with asyncio.timeout(settings.DATABASE_TIMEOUT_SECONDS):
                await super().__aenter__()
        return self

    async def fetch_all(self, query: Any, values: Any = None) -> list[Any]:
        with watched(self):
            return await super().fetch_all(query, values)

    async def fetch_one(self, query: Any, values: Any = None) -> Any:
        with watched(self):
            return await super().fetch_one(query, values)

    async def fetch_val(self, query: Any, values: Any = None, column: Any = 0) -> Any:
        with watched(self):
            return await super().fetch_val(query, values, column)

    async def execute(self, query: Any, values: Any = None) -> Any:
        with watched(self):
            return await super().execute(query, values)


class WholeTransaction(Transaction):
    """A transaction that gives its connection back however it ends, and waits for its turn where only one may write."""

    async def start(self) -> "WholeTransaction":
        connection = self._connection
        self.turn = None if connection._transaction_stack else turn_of(connection)
        with watched(connection):
            if self.turn is not None:
                async with asyncio.timeout(settings.DATABASE_TIMEOUT_SECONDS):
                    await self.turn.acquire()
            before = connection._connection_counter
            try:
                await super().start()
            except BaseException:
                await self.leave(connection, before)
                raise
        return self

    async def commit(self) -> None:
        await self.end(super().commit)

    async def rollback(self) -> None:
        await self.end(super().rollback)

    async def end(self, how: Any) -> None:
        """Commit or roll back."""
        connection = self._connection
        before = connection._connection_counter - 1
        with watched(connection):
            try:
                await how()
            finally:
                await self.leave(connection, before)

    async def leave(self, connection: Connection, before: int) -> None:
        """Give the connection back, if that is not done yet, and the turn."""
        try:
            if connection._connection_counter > before:
                await connection.__aexit__()
        finally:
            if self.turn is not None:
                self.turn.release()


def turn_of(connection: Connection) -> asyncio.Lock | None:
    """Return the lock of an engine that has one writer at a time, None for the others."""
    turn: asyncio.Lock | None = getattr(connection._backend, "turn", None)
    return turn


class Database(databases.Database):
    """A `databases.Database` with the connections and transactions above."""

    has_tables = False

    SUPPORTED_BACKENDS: dict[str, str] = {"sqlite": "webapp.sqlite:HeldSQLiteBackend"}  # noqa: RUF012  as its base has it

    async def connect(self) -> None:
        """Connect.

        Raises:
            Unavailable: the database is not there or does not answer.
        """
        try:
            await super().connect()
        except Exception as error:
            if not isinstance(error, OSError) and not self._backend.is_unavailable(error):
                raise
            raise Unavailable(str(error)) from error

    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = WatchedConnection(self, self._backend)
        return self._connection

    def transaction(self, *, force_rollback: bool = False, **options: Any) -> Transaction:
        return WholeTransaction(self.connection, force_rollback, **options)

    def as_needed(self, query: Any) -> Any:
        """Return what a query runs in: a transaction of its own where it writes and must wait for its turn."""
        connection = self.connection()
        alone = getattr(query, "is_dml", False) and not connection._transaction_stack
        return self.transaction() if alone and turn_of(connection) else connection

    async def fetch_all(self, query: Any, values: Any = None) -> list[Any]:
        async with self.as_needed(query):
            return await self.connection().fetch_all(query, values)

    async def fetch_one(self, query: Any, values: Any = None) -> Any:
        async with self.as_needed(query):
            return await self.connection().fetch_one(query, values)

    async def fetch_val(self, query: Any, values: Any = None, column: Any = 0) -> Any:
        async with self.as_needed(query):
            return await self.connection().fetch_val(query, values, column)

    async def execute(self, query: Any, values: Any = None) -> Any:
        async with self.as_needed(query):
            return await self.connection().execute(query, values)


database = Database(settings.DATABASE_URL)


async def create_tables() -> None:
    """Make the tables and indexes that are not there yet, all or none, once in a program."""
    if database.has_tables:
        return
    async with database.transaction():
        for table in metadata.sorted_tables:
            await database.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await database.execute(CreateIndex(index, if_not_exists=True))
    database.has_tables = True
