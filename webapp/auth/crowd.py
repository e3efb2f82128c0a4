"""In a crowd, attempts to log in are judged a few at a time: the others wait for their turn, and cost nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from webapp import settings
from webapp.auth.attempt_log import Source

# So many are enough to keep every core busy with hashing; more would only crowd around the database.
JUDGED_AT_ONCE = 16

places: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()


@asynccontextmanager
async def place(source: Source) -> AsyncIterator[bool]:
    """Hold a place among those that may be judged at once, no more than may fail; tell if it had to be waited for.

    Known browsers have places of their own: a crowd of strangers holds nobody up who has logged in there before.
    """
    limits = {("pair", source.pair_key): settings.THROTTLE_PAIR_FAILURES}
    if not source.is_known:
        limits["address", source.address_key] = settings.THROTTLE_ADDRESS_FAILURES
        limits["email", source.email_key] = settings.THROTTLE_EMAIL_FAILURES
    limits["all", str(source.is_known)] = JUDGED_AT_ONCE
    has_waited = False
    async with AsyncExitStack() as held:
        for key, limit in limits.items():
            semaphore = places.setdefault(key, asyncio.Semaphore(limit))
            has_waited = has_waited or semaphore.locked()
            await held.enter_async_context(semaphore)
        yield has_waited
