"""Sixteen connections that ask without pause: `wrk` where it is installed, else our own client in a second process."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.environments import ROOT
from tests.bench.http_client import Connection

CONNECTIONS = 16
WRK = shutil.which("wrk")
CLIENT = (
    "wrk, 1 thread" if WRK else "our own asyncio client, which is slower than a bare server: ratios come out flatter"
)
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}


@dataclass
class Load:
    """What a load has measured; times are in milliseconds."""

    per_second: float
    p50: float
    p99: float


def measure(url, headers, seconds):
    """Return what a server does under load for so many seconds; an answer that is no success ends the benchmark."""
    if WRK:
        fields = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        command = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *fields, url]
    else:
        command = [sys.executable, "-m", "tests.bench.load", url, json.dumps(headers), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 30)
    if done.returncode or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"The load on {url} failed:\n{done.stdout}{done.stderr}")
    return read_wrk(done.stdout) if WRK else Load(**json.loads(done.stdout))


def read_wrk(text):
    """Return the figures of wrk's report."""
    shares = dict(re.findall(r"^\s+(50|99)%\s+(\S+)$", text, re.MULTILINE))
    return Load(
        float(re.search(r"Requests/sec:\s+(\S+)", text)[1]), milliseconds(shares["50"]), milliseconds(shares["99"])
    )


def milliseconds(text):
    """Return one of wrk's times, such as 1.25ms."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * MILLISECONDS[unit]


def share(times, part):
    """Return the time that a part of all times does not exceed."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


async def keep_asking(url, headers, until, times):
    """Ask without pause until a point in time."""
    parts = urlsplit(url)
    connection = Connection(url)
    while (began := time.perf_counter()) < until:
        status, _ = await connection.ask("GET", parts.path, headers)
        if status >= 300:
            raise SystemExit(f"{url} answered {status}")
        times.append((time.perf_counter() - began) * 1000)
    connection.close()


async def ask_on_all(url, headers, seconds):
    """Return the figures of a load from this process."""
    times = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(keep_asking(url, headers, until, times) for _ in range(CONNECTIONS)))
    return {"per_second": len(times) / seconds, "p50": share(times, 0.5), "p99": share(times, 0.99)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask_on_all(sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])))))
