"""MariaDB and MySQL for `databases`: a pool of bounded size, whose connections give up rather than hang."""

from typing import Any

from asyncmy import errors
from databases.backends.asyncmy import AsyncMyBackend, AsyncMyConnection

from webapp import settings

LOCK_WAIT_SECONDS = 5
DUPLICATE_KEY = 1062
AWAY = (EOFError, errors.OperationalError, errors.InterfaceError, errors.InternalError)


class PooledConnection(AsyncMyConnection):
    """One use of a connection of the pool."""

    spoilt = False

    async def execute_rows(self, statement: str, names: list[str], rows: list[Any]) -> None:
        """Execute a statement for the parameters of each row."""
        async with self.raw_connection.cursor() as cursor:
            await cursor.executemany(statement % dict.fromkeys(names, "%s"), rows)

    async def release(self) -> None:
        if self.spoilt and self._connection is not None:
            self._connection.close()
        await super().release()


# As on PostgreSQL, a statement sees what is committed when it begins, and locks only the rows that it means: with
# InnoDB's own level it locks all that it walks past, so that changes to different employees end in a deadlock.
# MariaDB and MySQL call the level by different names, and each reads the comment that is for it.
SETTINGS = (
    f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, sql_mode = 'TRADITIONAL' "
    "/*M! , tx_isolation = 'READ-COMMITTED' */ /*!50720 , transaction_isolation = 'READ-COMMITTED' */"
)


class MariaDBBackend(AsyncMyBackend):
    """`databases`' backend on asyncmy, with our bounds."""

    updates_return_rows = False
    # A row can be read as soon as it has its number: it becomes durable after that.
    wait_for_turn = None
    time = "SELECT unix_timestamp(now(6)) + 0e0"

    def __init__(self, database_url: Any, **options: Any) -> None:
        bounds = {
            "minsize": 1,
            "maxsize": settings.DATABASE_POOL_SIZE,
            "connect_timeout": settings.DATABASE_TIMEOUT_SECONDS,
            "charset": "utf8mb4",
            "init_command": SETTINGS,
        }
        super().__init__(database_url, **{**bounds, **options})

    def connection(self) -> PooledConnection:
        return PooledConnection(self, self._dialect)

    @staticmethod
    def is_unavailable(error: Exception) -> bool:
        """Return whether an error says that the database cannot do its work, and not that it was asked for nonsense."""
        return isinstance(error, AWAY)

    @staticmethod
    def is_duplicate(error: Exception) -> bool:
        """Return whether an error says that a row of that key is there already."""
        return isinstance(error, errors.IntegrityError) and error.args[0] == DUPLICATE_KEY
