"""In a crowd, attempts to log in are judged a few at a time: the others wait for their turn, and cost nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from webapp import settings

places: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()


@asynccontextmanager
async def place(email_key: str, address: str) -> AsyncIterator[None]:
    """Hold a place among those that may be judged at once, no more than may fail; one for each of the three limits."""
    limits = {
        ("pair", email_key, address): settings.THROTTLE_PAIR_FAILURES,
        ("address", address): settings.THROTTLE_ADDRESS_FAILURES,
        ("email", email_key): settings.THROTTLE_EMAIL_FAILURES,
    }
    async with AsyncExitStack() as held:
        for key, limit in limits.items():
            await held.enter_async_context(places.setdefault(key, asyncio.Semaphore(limit)))
        yield
