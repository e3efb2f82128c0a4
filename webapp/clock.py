"""The one clock of the program; tests move it."""

import time

# How far this machine's clock is behind that of the database, in seconds.
behind = 0.0


def now() -> float:
    """Return the time in seconds since 1970-01-01 UTC: the database's, where several machines must agree."""
    return own() + behind


def follow(theirs: float, asked_at: float) -> None:
    """Follow the database's clock, which said its time halfway between the question, by our own clock, and now."""
    global behind
    behind = theirs - (asked_at + own()) / 2


def own() -> float:
    """Return what this machine's own clock says."""
    return time.time()


def steady() -> float:
    """Return seconds that never jump, for how long ago something was."""
    return time.monotonic()
