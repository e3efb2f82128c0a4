"""How many files and sockets this process may have open at once."""

import contextlib
import sys

from webapp import settings

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

# For files, the log, the loop and its threads. A connection to SQLite opens three files, one to a server a socket.
RESERVED = 48
RESERVED_PER_DATABASE_CONNECTION = 4


def raise_limit() -> None:
    """Raise the limit to the highest that the system lets this process, and those that it starts, have."""
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS says that there is no limit, and has one
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def for_connections() -> int:
    """Return how many connections to clients the limit leaves room for: at least a quarter of it."""
    if resource is None:
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    reserved = RESERVED + RESERVED_PER_DATABASE_CONNECTION * settings.DATABASE_POOL_SIZE
    return max(limit - reserved, limit // 4, 1)
