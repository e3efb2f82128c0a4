"""The one clock of the program; tests move it."""

import time


def now() -> float:
    """Return the time in seconds since 1970-01-01 UTC."""
    return time.time()


def steady() -> float:
    """Return seconds that never jump, for how long ago something was."""
    return time.monotonic()
