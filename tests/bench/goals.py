"""The goals: what each is, and what this run measured."""

import os
import subprocess
from dataclasses import dataclass
from statistics import median

from tests.bench import targets
from tests.bench.environments import python_of
from tests.bench.load import share
from tests.bench.storm import storm

ONE_CHECK = """
import bcrypt, statistics, time
hashed = bcrypt.hashpw(b"benchmark", bcrypt.gensalt(12))
times = []
for _ in range(7):
    began = time.perf_counter()
    bcrypt.checkpw(b"benchmark", hashed)
    times.append(time.perf_counter() - began)
print(statistics.median(times))
"""


@dataclass
class Goal:
    """A figure, the bound it is to keep (none where it is only told), and what was measured."""

    figure: str
    bound: str
    measured: str
    met: bool | None

    def row(self):
        """Return a row of the table."""
        mark = {True: "met", False: "missed", None: "told"}[self.met]
        return [self.figure, self.bound, self.measured, mark]


def at_least(figure, bound, value):
    """Return a goal that is met from a bound up."""
    return Goal(figure, f"≥ {bound:.2f}", f"{value:.2f}", value >= bound)


def at_most(figure, bound, value, unit=""):
    """Return a goal that is met up to a bound."""
    return Goal(figure, f"≤ {bound:g}{unit}", f"{value:.2f}{unit}", value <= bound)


def of_speed(results):
    """Return the goals on a loaded server, from the results by name."""
    bare = results["bare Starlette"]

    def ratio(name, other):
        return results[name].ratio_to(results[other])

    def scale(what):
        return ratio(f"Latchkey with a million, {what}", f"Latchkey with a thousand, {what}")

    goals = [
        at_least("`GET /api/me` by header / bare", 0.95, results["Latchkey, header"].ratio_to(bare)),
        at_least("`GET /api/me` by cookie / bare", 0.92, results["Latchkey, cookie"].ratio_to(bare)),
        Goal(
            "`GET /api/me` by header / bare with the same headers, too",
            "–",
            f"{ratio('Latchkey, header', 'bare Starlette, same headers'):.2f}",
            None,
        ),
        at_least("`GET /admin/me` / bare, same template", 0.90, ratio("Latchkey, /admin/me", "bare /admin/me")),
        at_least("`GET /auth/login` / bare, same template", 0.90, ratio("Latchkey, /auth/login", "bare /auth/login")),
    ]
    peers = [results[name] for name in ("FastAPI tutorial", "fastapi-users", "Litestar", "Django sessions")]
    fastest = max(peers, key=lambda peer: peer.per_second)
    return [
        *goals,
        at_least("`GET /api/me` / the fastest peer's", 2.5, results["Latchkey, header"].ratio_to(fastest)),
        at_least("1,000,000 employees / 1,000: by header", 0.95, scale("header")),
        at_least("… by cookie", 0.95, scale("cookie")),
        at_least("… `GET /admin/me`", 0.95, scale("/admin/me")),
        at_least(
            "`GET /api/me` with the request log / without", 0.85, ratio("Latchkey with log, header", "Latchkey, header")
        ),
        Goal(
            "2 workers / 1 on `GET /api/me`",
            "–",
            f"{ratio('Latchkey, 2 workers, header', 'Latchkey, header'):.2f}",
            None,
        ),
        at_most("resident memory / bare's", 2, results["Latchkey, header"].resident_mib / bare.resident_mib),
    ]


def of_logins(server, headers, seconds):
    """Return the goals on logins: how many, and what everybody else feels of them."""
    one_check = float(subprocess.check_output([python_of("latchkey"), "-c", ONE_CHECK]))
    at_rest = storm(server, headers, seconds, clients=0, asking=True)["times"]
    alone = storm(server, headers, seconds, clients=8, asking=False)["logins_per_second"]
    beside = storm(server, headers, seconds, clients=8, asking=True)["times"]
    possible = (os.cpu_count() or 1) / one_check
    return [
        at_least("logins a second / (cores ÷ one bcrypt check)", 0.90, alone / possible),
        at_most(
            "p99 of `GET /api/me` while 8 clients log in / at rest", 2.5, share(beside, 0.99) / share(at_rest, 0.99)
        ),
        at_most("… the longest answer meanwhile", 50, max(beside), " ms"),
    ]


def of_start(folder, times, people):
    """Return the goal on the time from start to first answer."""
    ours, theirs = [], []
    for _ in range(times):
        theirs.append(started_in(targets.bare(folder)))
        ours.append(started_in(targets.latchkey(folder, people, 0)[0]))
    return at_most("start to first answer / bare's", 2.5, median(ours) / median(theirs))


def started_in(target):
    """Return how many seconds a server took to its first answer, after ending it."""
    target.server.stop()
    return target.server.seconds_to_start
