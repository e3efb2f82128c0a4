"""With five million attempts a login takes as long as with none; and while old ones are removed, nobody waits."""

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.test_processes import PASSWORD, Server, ask
from webapp import settings

pytestmark = pytest.mark.processes

EMAIL = "ann@example.com"
MANY, OLD = 5_000_000, int(os.environ.get("OLD_ATTEMPTS", 100_000))
LOGINS = 40

# Of one email from one address, of the email from others, of the address with others, and of everybody: most are
# spread over eighty days, the last fifth is of this minute. Those of the past day are of no outcome that must wait.
FILL = f"""
WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {MANY} - 1)
INSERT INTO attempts (made, email, email_key, emp_no, outcome, address, user_agent, address_key, address_space, pair_key)
SELECT
    :now - CASE WHEN i < {MANY} * 0.8 THEN 6912000 * (1 - i / ({MANY} * 0.8)) ELSE 10 END,
    '', CASE WHEN i % 4 < 2 THEN :email_key ELSE 'e' || (i * 7919 % {MANY}) END, CASE WHEN i % 4 < 2 THEN :emp_no END,
    CASE WHEN i < {MANY} * 0.75 THEN 'wrong' ELSE 'throttled' END, '', '',
    CASE WHEN i % 4 IN (0, 2) THEN :address_key ELSE 'a' || (i * 7919 % {MANY}) END,
    CASE WHEN i % 4 IN (0, 2) THEN :address_space ELSE 's' || (i * 7919 % {MANY}) END,
    CASE WHEN i % 4 = 0 THEN :pair_key ELSE 'p' || (i * 7919 % {MANY}) END
FROM numbers
"""  # noqa: S608  its numbers are our own

FILL_WITH_OLD = f"""
WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {OLD} - 1)
INSERT INTO attempts (made, email, email_key, outcome, address, user_agent, address_key, address_space, pair_key)
SELECT 1000000 + i, '', 'e' || (i * 7919 % {OLD}), 'wrong', '', '', 'a' || (i % 1000), 's' || (i % 100), 'p' || (i * 7919 % {OLD})
FROM numbers
"""  # noqa: S608  its numbers are our own
TIDY = """
import asyncio
from webapp.auth import housekeeping
from webapp.database import database
async def tidy():
    async with database:
        await housekeeping.tidy()
asyncio.run(tidy())
"""


@pytest.fixture
def server(tmp_path):
    """A server with one employee, which is not running yet."""
    server = Server(
        tmp_path, THROTTLE_ADDRESS_FAILURES=str(settings.THROTTLE_ADDRESS_FAILURES), THROTTLE_PAIR_FAILURES="5"
    )
    server.add_user(EMAIL)
    yield server
    server.stop()


def fill(file):
    """Write five million attempts, in at most a minute: in one statement, and the indexes afterwards."""
    with closing(sqlite3.connect(file, isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        for pragma in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            opened.execute(f"PRAGMA {pragma}")
        indexes = opened.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'attempts'"
        ).fetchall()
        one = opened.execute("SELECT * FROM attempts WHERE emp_no IS NOT NULL ORDER BY id DESC LIMIT 1").fetchone()
        opened.execute("BEGIN")
        for index in indexes:
            opened.execute(f"DROP INDEX {index['name']}")
        opened.execute(FILL, {**dict(one), "now": time.time()})
        for index in indexes:
            opened.execute(index["sql"])
        opened.execute("COMMIT")


def login_times(server, count=LOGINS):
    """Return how long each of some logins took."""
    connection, _ = server.connection()
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        assert ask(connection, "POST", "/api/login", username=EMAIL, password=PASSWORD)[0] == 200
        taken.append(time.perf_counter() - begun)
    return taken


def test_five_million_attempts_make_no_login_slower(server):
    server.start()
    login_times(server, 10)
    before = statistics.median(login_times(server))
    server.stop()
    begun = time.monotonic()
    fill(server.folder / "test.db")
    filled = time.monotonic() - begun
    server.start()
    login_times(server, 10)
    after = statistics.median(login_times(server))
    print(
        f"\na login takes {before * 1000:.1f} ms with none, {after * 1000:.1f} ms with {MANY:,} attempts ({filled:.0f} s to write)"
    )
    assert after < 1.5 * before + 0.005


def test_nobody_waits_while_old_attempts_are_removed(server):
    """As many as OLD_ATTEMPTS says."""
    server.start()
    login_times(server, 10)
    with closing(sqlite3.connect(server.folder / "test.db", timeout=60)) as opened, opened:
        opened.execute(FILL_WITH_OLD)
    begun = time.monotonic()
    tidying = subprocess.Popen([sys.executable, "-c", TIDY], cwd=settings.ROOT, env=server.environment)
    taken = []
    while tidying.poll() is None:
        taken += login_times(server, 10)
    lasted = time.monotonic() - begun
    with closing(sqlite3.connect(server.folder / "test.db")) as opened:
        left = opened.execute("SELECT count(*) FROM attempts WHERE made < 1e9").fetchone()
    longest, late = max(taken), statistics.quantiles(taken, n=100)[98]
    print(f"\n{OLD:,} old attempts went in {lasted:.0f} s; {len(taken)} logins meanwhile,", end=" ")
    print(f"p99 {late * 1000:.0f} ms, the longest {longest * 1000:.0f} ms")
    assert (tidying.returncode, left) == (0, (0,))
    assert late < 1
    assert longest < 4
