"""PostgreSQL for `databases`: a pool of bounded size, whose connections give up rather than hang."""

from typing import Any

import asyncpg
from databases.backends.postgres import PostgresBackend, PostgresConnection
from sqlalchemy import Select, func, select

from webapp import settings

AWAY = (
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)

# So few that they take much less than DATABASE_TIMEOUT_SECONDS.
ROWS_AT_ONCE = 1000


class PooledConnection(PostgresConnection):
    """One use of a connection of the pool."""

    spoilt = False

    async def execute_rows(self, statement: str, names: list[str], rows: list[Any]) -> None:
        """Execute a statement for the parameters of each row."""
        numbered = statement % {name: f"${place}" for place, name in enumerate(names, 1)}
        for first in range(0, len(rows), ROWS_AT_ONCE):
            await self.raw_connection.executemany(numbered, rows[first : first + ROWS_AT_ONCE])

    async def release(self) -> None:
        try:
            if self.spoilt and self._connection is not None:
                self._connection.terminate()
            await super().release()
        except (*AWAY, asyncpg.InterfaceError):
            # It was cut before or while it was given back: the pool replaces it, and who asked has the answer already.
            self._connection = None


class PostgreSQLBackend(PostgresBackend):
    """`databases`' PostgreSQL backend, with our bounds."""

    updates_return_rows = True
    time = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)"

    def __init__(self, database_url: Any, **options: Any) -> None:
        bounds = {
            "min_size": 1,
            "max_size": settings.DATABASE_POOL_SIZE,
            "timeout": settings.DATABASE_TIMEOUT_SECONDS,
            "command_timeout": settings.DATABASE_TIMEOUT_SECONDS,
            "server_settings": {"application_name": "latchkey"},
        }
        super().__init__(database_url, **{**bounds, **options})

    def _get_dialect(self) -> Any:
        dialect = super()._get_dialect()
        # It is SQLAlchemy's own but for two types of columns, and does not say that its SQL may be remembered.
        dialect._supports_statement_cache = True
        return dialect

    def connection(self) -> PooledConnection:
        return PooledConnection(self, self._dialect)

    @staticmethod
    def wait_for_turn(turn: int) -> Select[Any]:
        """Return what lets one statement of a turn after another add a row: it can be read only once it is durable."""
        return select(func.pg_advisory_xact_lock(turn))

    @staticmethod
    def is_unavailable(error: Exception) -> bool:
        """Return whether an error says that the database cannot do its work, and not that it was asked for nonsense."""
        lost = isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
        return lost or isinstance(error, AWAY)

    @staticmethod
    def is_duplicate(error: Exception) -> bool:
        """Return whether an error says that a row of that key is there already."""
        return isinstance(error, asyncpg.UniqueViolationError)
