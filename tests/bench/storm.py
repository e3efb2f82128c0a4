"""A second process that logs different employees in without pause, asks 50 times a second who one is, or both."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from urllib.parse import urlencode

from tests.bench.environments import ROOT
from tests.bench.http_client import Connection
from tests.bench.seed import PASSWORD, email_of

PER_SECOND = 50
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WARM_UP_SECONDS = 1
fresh_employees = itertools.count(100)


def storm(server, headers, seconds, *, clients, asking):
    """Return the logins per second of so many clients, and the milliseconds of each `GET /api/me` beside them."""
    first = next(fresh_employees) * 50  # a new fifty for each storm, so that no email repeats
    order = json.dumps([server.address, headers, seconds, clients, asking, first])
    command = [sys.executable, "-m", "tests.bench.storm", order]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise SystemExit(f"The logins failed:\n{done.stderr}")
    return json.loads(done.stdout)


async def log_in_on(address, employees, until, finished):
    """Log one employee in after the other."""
    connection = Connection(address)
    while time.perf_counter() < until:
        form = urlencode({"username": email_of(next(employees)), "password": PASSWORD}).encode()
        status, answer = await connection.ask("POST", "/api/login", FORM, form)
        if status != 200:
            raise SystemExit(f"A login was answered {status}: {answer!r}")
        finished.append(time.perf_counter())
    connection.close()


async def ask_steadily(address, headers, since, until, times):
    """Ask at a steady rate, whether or not the answers before have come."""
    idle = [Connection(address) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for due in itertools.takewhile(lambda due: due < until, itertools.count(since, 1 / PER_SECOND)):
            await asyncio.sleep(max(0, due - time.perf_counter()))
            group.create_task(ask_once(address, headers, idle, times))


async def ask_once(address, headers, idle, times):
    """Ask who one is and note the milliseconds to the answer, those of waiting for a connection among them."""
    began = time.perf_counter()
    connection = idle.pop() if idle else Connection(address)
    status, _ = await connection.ask("GET", "/api/me", headers)
    times.append((time.perf_counter() - began) * 1000)
    idle.append(connection)
    if status != 200:
        raise SystemExit(f"/api/me was answered {status}")


async def main(address, headers, seconds, clients, asking, first):
    """Run the storm; what happens while it gathers strength is not counted."""
    since = time.perf_counter() + WARM_UP_SECONDS
    until = since + seconds
    employees, finished, times = itertools.count(first), [], []
    tasks = [log_in_on(address, employees, until, finished) for _ in range(clients)]
    if asking:
        tasks.append(ask_steadily(address, headers, since, until, times))
    await asyncio.gather(*tasks)
    counted = [end for end in finished if since <= end < until]
    return {"logins_per_second": len(counted) / seconds, "times": times}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*json.loads(sys.argv[1])))))
