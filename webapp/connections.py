"""Connections that are waited for in bounded time, and transactions that leave nothing behind, on every engine."""

import asyncio
import contextlib
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from databases.core import Connection, Transaction
from sqlalchemy import CompoundSelect, Insert, Select, UpdateBase

from webapp import settings
from webapp.remembered_sql import RememberedQuery

# A parameter in a statement of the engines whose parameters have names.
PARAMETER = re.compile(r"%\((\w+)\)s")

VALUES_REMEMBERED = 40_000


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

    @staticmethod
    def _build_query(query: Any, values: Any = None) -> Any:
        is_whole = isinstance(query, Select | CompoundSelect) or (isinstance(query, UpdateBase) and values is None)
        return RememberedQuery(query, values) if is_whole else Connection._build_query(query, values)

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

    async def execute_rows(self, query: Any, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each row of parameters, which have these names; it is compiled once."""
        backend: Any = self._connection
        columns = names if isinstance(query, Insert) else None
        compiled = query.compile(dialect=backend._dialect, column_keys=columns)
        with watched(self):
            async with self._query_lock:
                await backend.execute_rows(compiled.string, *in_order(compiled, names, rows))


def in_order(compiled: Any, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[Any]]:
    """Return the names of a statement's parameters in their order in it, and the rows in that order, for the driver."""
    order = compiled.positiontup or PARAMETER.findall(compiled.string)
    if order == [*names] and not compiled._bind_processors:
        return order, [*rows]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    for name, processor in compiled._bind_processors.items():
        columns[name] = tuple(map(remembering(processor), columns[name]))
    return order, list(zip(*(columns[name] for name in order), strict=True))


@functools.lru_cache(maxsize=100)
def remembering(processor: Any) -> Any:
    """Return what turns a value into one for the driver, and remembers it: among many rows there are few dates."""
    return functools.lru_cache(maxsize=VALUES_REMEMBERED)(processor)


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
