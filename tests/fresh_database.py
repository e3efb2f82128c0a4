"""A database of its own for each test process, on the server that TEST_DATABASE_URL names."""

import asyncio
import atexit
import os
from typing import Any

from databases import DatabaseURL


def fresh_database(otherwise: str, purpose: str = "test") -> str:
    """Return the address of a new database, which is dropped at the end; without TEST_DATABASE_URL another."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        return otherwise
    url = DatabaseURL(server)
    name = f"latchkey_{purpose}_{os.getpid()}"
    asyncio.run(say(url, f"CREATE DATABASE {name}"))
    atexit.register(
        lambda: asyncio.run(say(url, f"DROP DATABASE {name}{' WITH (FORCE)' if is_postgresql(url) else ''}"))
    )
    return str(url.replace(database=name))


def is_postgresql(url: DatabaseURL) -> bool:
    """Return whether a server is PostgreSQL, not MariaDB."""
    return bool(url.dialect == "postgresql")


async def let_rows_go(database: Any) -> None:
    """Let tests empty the audit log, which elsewhere only grows."""
    on_table = " ON audit" if is_postgresql(database.url) else ""
    for verb in ("UPDATE", "DELETE", "TRUNCATE"):
        await database.execute(f"DROP TRIGGER IF EXISTS audit_no_{verb}{on_table}")


async def say(url: DatabaseURL, statement: str) -> None:
    """Say one thing to a server, without Latchkey in between."""
    if is_postgresql(url):
        import asyncpg

        connection = await asyncpg.connect(str(url))
        await connection.execute(statement)
        await connection.close()
    else:
        import asyncmy

        connection = await asyncmy.connect(
            host=url.hostname, port=url.port or 3306, user=url.username, password=url.password or "", db=url.database
        )
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
        connection.close()
