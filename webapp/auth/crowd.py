"""In a crowd, attempts to log in are judged a few at a time: the others wait for their turn, and cost nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from webapp import settings

# So many are enough to keep every core busy with hashing; more would only crowd around the database.
JUDGED_AT_ONCE = 16

places: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()


@asynccontextmanager
async def place(email_key: str, address: str) -> AsyncIterator[None]:
    """Hold a place among those that may be judged at once, no more than may fail."""
    limits = {
        ("pair", email_key, address): settings.THROTTLE_PAIR_FAILURES,
        ("address", address): settings.THROTTLE_ADDRESS_FAILURES,
        ("email", email_key): settings.THROTTLE_EMAIL_FAILURES,
        ("all",): JUDGED_AT_ONCE,
    }
    async with AsyncExitStack() as held:
        for key, limit in limits.items():
            await held.enter_async_context(places.setdefault(key, asyncio.Semaphore(limit)))
        yield
