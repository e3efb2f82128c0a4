"""The one database, on whichever engine DATABASE_URL names."""

from collections.abc import Sequence
from typing import Any

import databases
from databases.core import Connection, Transaction
from sqlalchemy import Column, Insert, Table, Update, insert, literal, select, update

from webapp import clock, settings
from webapp.connections import Duplicate as Duplicate
from webapp.connections import Unavailable as Unavailable
from webapp.connections import WatchedConnection, WholeTransaction, turn_of

MAX_KEYS = 1000


class Database(databases.Database):
    """A `databases.Database` with the connections and transactions of webapp/connections.py."""

    is_current = False

    SUPPORTED_BACKENDS: dict[str, str] = {  # noqa: RUF012  as its base has it
        "sqlite": "webapp.sqlite:HeldSQLiteBackend",
        "postgresql": "webapp.postgresql:PostgreSQLBackend",
        "mysql": "webapp.mariadb:MariaDBBackend",
        "mariadb": "webapp.mariadb:MariaDBBackend",
    }

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

    async def execute_rows(self, query: Any, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Execute one statement for each of many rows, all or none; each alone would take a hundred times as long.

        Args:
            query: an insert without values, or an update or a delete with `bindparam`s.
            names: the columns of the insert, or the names of the parameters.
            rows: the values of each row, in the order of the names.
        """
        if rows:
            async with self.as_needed(query), self.transaction():
                connection: Any = self.connection()
                await connection.execute_rows(query, names, rows)

    async def follow_clock(self) -> None:
        """Let the program's clock follow the database's, where that may be on another machine."""
        if self._backend.time is not None:
            asked_at = clock.own()
            clock.follow(float(await self.fetch_val(self._backend.time)), asked_at)

    async def add(self, row: Insert, number: Column[int]) -> int:
        """Add a row and return the number that the database has given to it."""
        if self._backend.updates_return_rows:
            given = await self.fetch_val(row.returning(number))
        else:
            given = await self.execute(row)
        return int(given)

    async def add_in_turn(self, table: Table, values: dict[str, Any], number: Column[int], turn: int) -> int:
        """Add a row and return its number; a query that finds it finds all rows of its turn with lower numbers, too."""
        if self._backend.wait_for_turn is None:
            return await self.add(insert(table).values(values), number)
        given = select(*(literal(value, table.c[name].type) for name, value in values.items()))
        given = given.select_from(self._backend.wait_for_turn(turn).subquery())
        return await self.add(insert(table).from_select([*values], given), number)

    async def change(self, rows: Update, key: Column[Any]) -> list[Any]:
        """Change rows, in one statement or under their locks, and return their keys: no two callers get the same."""
        if self._backend.updates_return_rows:
            return [row[0] for row in await self.fetch_all(rows.returning(key))]
        table: Any = rows.table
        (number,) = table.primary_key.columns
        async with self.transaction():
            which = select(number, key).where(*rows._where_criteria).with_for_update()
            locked = await self.fetch_all(which)
            # By its own criteria an update would change what came after the lock, too, and MariaDB might look for
            # its rows through an index on which it locks those of others.
            for first in range(0, len(locked), MAX_KEYS):
                numbers = [row[0] for row in locked[first : first + MAX_KEYS]]
                await self.execute(update(table).values(rows._values or {}).where(number.in_(numbers)))
        return [row[1] for row in locked]


database = Database(settings.DATABASE_URL)
