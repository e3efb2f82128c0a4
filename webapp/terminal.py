"""Questions at a terminal, asked within a program that asyncio runs."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl+C end a question at once.

    asyncio only makes a note of the first one, for when the answer has come: who asks would go on waiting.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
