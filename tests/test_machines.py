"""Two servers with two workers each before one PostgreSQL, one of them with a clock that is half a minute ahead."""

import base64
import json
import os
import secrets
import statistics
import subprocess
import sys
import time

import pytest

from tests.fresh_database import fresh_database
from tests.test_processes import TWO_SECONDS, Server, ask, log_in, refresh, seconds_until
from webapp import settings

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif("postgresql" not in os.environ["DATABASE_URL"], reason="TEST_DATABASE_URL is no PostgreSQL"),
]

AHEAD = "import time\nreal = time.time\ntime.time = lambda: real() + 30\n"


@pytest.fixture(scope="module")
def connections(tmp_path_factory):
    """A connection to each of the four workers, those of the fast clock first."""
    shared = {"DATABASE_URL": fresh_database("", "machines"), "SECRET_KEY": secrets.token_urlsafe(48)}
    fast_clock = tmp_path_factory.mktemp("fast")
    (fast_clock / "sitecustomize.py").write_text(AHEAD)
    fast = Server(fast_clock, **shared, PYTHONPATH=str(fast_clock))
    right = Server(tmp_path_factory.mktemp("right"), **shared)
    refuses_to_serve(right)
    fast.add_user("ann@example.com")
    fast.start()
    right.start()
    yield [*fast.one_connection_each().values(), *right.one_connection_each().values()]
    fast.stop()
    right.stop()


def refuses_to_serve(server):
    """Before `migrate` there is one line that names it, and nothing else happens."""
    line = [sys.executable, "run.py"]
    done = subprocess.run(line, cwd=settings.ROOT, env=server.environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "run `python run.py migrate`" in done.stderr


def claims_of(token):
    """Return what a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_a_token_of_each_is_good_with_all_from_the_first_second_on(connections):
    for issuer in connections:
        token = log_in(issuer)["access_token"]
        assert abs(claims_of(token)["iat"] - time.time()) < TWO_SECONDS, "the clock that counts is the database's"
        assert [ask(other, "GET", "/api/me", token)[0] for other in connections] == [200] * 4


@pytest.mark.parametrize("where", [0, 3], ids=["fast clock", "right clock"])
def test_a_logout_reaches_all_four_within_a_second(connections, where):
    took = []
    for _ in range(5):
        token = log_in(connections[1])["access_token"]
        assert {ask(connection, "GET", "/api/me", token)[0] for connection in connections} == {200}
        assert ask(connections[where], "POST", "/api/logout", token)[0] == 200
        began = time.monotonic()
        for connection in connections:
            seconds_until(connection, token, 401)
        took.append(time.monotonic() - began)
    print(
        f"\na logout reached all four workers after {statistics.median(took):.2f} s (median), {max(took):.2f} s (most)"
    )
    assert statistics.median(took) < 1
    assert max(took) < TWO_SECONDS


def test_a_refresh_token_is_good_once_among_all_four(connections):
    token = log_in(connections[0])["refresh_token"]
    status, body = refresh(connections[3], token)
    assert status == 200
    assert [refresh(connection, token)[0] for connection in connections] == [409] * 4, "within the grace"
    assert refresh(connections[0], body["refresh_token"])[0] == 200
