"""Connections that are waited for in bounded time, and transactions that leave nothing behind, on every engine."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from databases.core import Connection, Transaction
from sqlalchemy import Insert
from sqlalchemy.sql.compiler import SQLCompiler

from webapp import settings


class Unavailable(Exception):
    """The database cannot do its work just now: it is away, locked, full or too busy."""


class Duplicate(Exception):
    """A row of that key is there already."""


@contextlib.contextmanager
def watched(connection: Connection) -> Iterator[None]:
    """Turn what an engine raises when it cannot do its work into Unavailable, and use that connection no more."""
    backend: Any = connection._backend
    try:
        yield
    except Exception as error:
        if backend.is_duplicate(error):
            raise Duplicate from error
        if not isinstance(error, OSError) and not backend.is_unavailable(error):
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

    async def execute_rows(self, query: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute one statement for each row, given as its parameters; it is compiled once."""
        backend: Any = self._connection
        compiled = query.compile(dialect=backend._dialect, column_keys=list(rows[0]) if is_insert(query) else None)
        with watched(self):
            async with self._query_lock:
                await backend.execute_rows(compiled, bound(compiled, rows))


def is_insert(query: Any) -> bool:
    """Return whether a statement adds rows, so that their parameters name its columns."""
    return isinstance(query, Insert)


def bound(compiled: SQLCompiler, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters of each row as the engine's driver takes them."""
    processors = compiled._bind_processors
    return [
        {name: processors[name](value) if name in processors else value for name, value in row.items()}  # type: ignore[operator]
        for row in rows
    ]


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
