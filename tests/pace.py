"""Processor time as a core of usual speed would need it: shared machines run at half their speed for seconds at a time."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from tests.conftest import skip_if_traced

# What the work below takes on a core of an EPYC server of 2025 that nobody else uses.
USUAL_SECONDS = 0.00029
MEMBERS = json.dumps({str(number): ["x" * 5, number] for number in range(60)})


def slowness() -> float:
    """Return how many times slower than usual this thread's core is at the moment, and 1 where it is faster."""
    began = time.thread_time()
    for _ in range(8):
        members = json.loads(MEMBERS)
        "".join(f"<{name}>{value}" for name, value in members.items()).replace("<", "&lt;")
    return max(1, (time.thread_time() - began) / USUAL_SECONDS)


def seconds_of(work: Callable[[], Any], limit: float) -> float:
    """Return how many seconds of a usual core some work takes at its best, work that may raise ValueError.

    Args:
        limit: it is tried again, up to nine times, while it takes more than half of that many seconds.
    """
    skip_if_traced()
    best = 1.0
    for _ in range(9):
        before, began = slowness(), time.thread_time()
        with contextlib.suppress(ValueError, RecursionError):
            work()
        took = time.thread_time() - began
        best = min(best, took / min(before, slowness()))
        if best < limit / 2:
            break
    return best
