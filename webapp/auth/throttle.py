"""The log of attempts to log in, and from its rows alone how many more are allowed (ASVS 6.1.1, 6.3.1)."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from starlette.requests import Request

from webapp import clock, settings
from webapp.answers import FormRefused
from webapp.auth import crowd
from webapp.auth.signins import address_of, user_agent_of
from webapp.database import database
from webapp.employees import normal_email
from webapp.tables import attempts

PENDING, WRONG, LOGGED_IN, THROTTLED, MALFORMED = "pending", "wrong", "logged in", "throttled", "malformed"
CHANGED, BY_LINK, ASKED = "changed", "by link", "asked"
# After these the failures before are forgotten.
SUCCESSES = (LOGGED_IN, CHANGED, BY_LINK)
LONGEST_WAIT_SECONDS = 86400
# An attempt that has not been judged for so long never will be: its worker is gone.
PENDING_SECONDS = 30
# How long an attempt waits while others are judged, and how often it asks whether it may be.
PATIENCE_SECONDS = 10
ASK_EVERY_SECONDS = 0.1
CROWDED_SECONDS = 1


class TooManyAttempts(Exception):
    """An attempt that comes too early, with the seconds to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def refusal(self, form: str, values: Mapping[str, str], context: Mapping[str, Any] | None = None) -> FormRefused:
        """Return the refusal that shows a form again and says when to try again."""
        minutes = -(-self.seconds // 60)
        when = f"in {minutes} minutes" if minutes > 1 else "in a minute" if self.seconds > 5 else "in a few seconds"
        return FormRefused(
            form,
            f"Too many attempts. Try again {when}",
            errors={},
            values=values,
            status=429,
            headers={"Retry-After": str(self.seconds)},
            context=context,
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """When the next attempt may be made, in seconds since 1970, and how many may then be made at once."""

    free_again: float
    left: int


async def record(request: Request, email: str, emp_no: int | None, outcome: str = PENDING) -> int:
    """Write an attempt down before it is judged, so that a hundred at once count as a hundred; return its number."""
    row = insert(attempts).values(
        made=clock.now(),
        email=printable(email)[:255],
        email_key=key_of(email),
        emp_no=emp_no,
        outcome=outcome,
        address=address_of(request),
        user_agent=user_agent_of(request),
    )
    return await database.add(row, attempts.c.id)


def key_of(email: str) -> str:
    """Return what attempts with one email have in common."""
    return printable(normal_email(email))[:255]


def printable(text: str) -> str:
    """Return a text with a sign in place of what cannot be shown, or kept by every database."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


async def mark(number: int, outcome: str) -> None:
    """Write down how an attempt has ended."""
    await database.execute(update(attempts).where(attempts.c.id == number).values(outcome=outcome))


@asynccontextmanager
async def turn(number: int, request: Request, email: str) -> AsyncIterator[None]:
    """Wait until an attempt may be judged, while others are; not until failures are forgotten.

    Raises:
        TooManyAttempts: there were too many failures, or the others take too long; it is written down so.
    """
    async with AsyncExitStack() as held:
        try:
            deadline = clock.steady() + PATIENCE_SECONDS
            async with asyncio.timeout(PATIENCE_SECONDS):
                await held.enter_async_context(crowd.place(key_of(email), address_of(request)))
            while not await may_be_judged(number, request, email):
                if clock.steady() >= deadline:
                    raise TimeoutError
                await asyncio.sleep(ASK_EVERY_SECONDS)
        except TimeoutError:
            await mark(number, THROTTLED)
            raise TooManyAttempts(CROWDED_SECONDS) from None
        except TooManyAttempts:
            await mark(number, THROTTLED)
            raise
        yield


async def may_be_judged(number: int, request: Request, email: str) -> bool:
    """Return whether an attempt may be judged now, or has to wait for others that are just being judged.

    Raises:
        TooManyAttempts: there were too many failures.
    """
    now, address, email_key = clock.now(), address_of(request), key_of(email)
    earlier = attempts.c.id < number
    from_here, same_email = earlier & (attempts.c.address == address), earlier & (attempts.c.email_key == email_key)
    # Before the failures: what is judged between the two is then counted twice, and never not at all.
    judged_now = await pending_of(from_here, same_email, address, email_key, now)
    allowances = [
        await of_pair(from_here & same_email, now),
        await of_window(from_here, settings.THROTTLE_ADDRESS_FAILURES, now),
        await of_window(same_email, settings.THROTTLE_EMAIL_FAILURES, now),
    ]
    free_again = max(allowance.free_again for allowance in allowances)
    if free_again > now:
        raise TooManyAttempts(math.ceil(free_again - now))
    return all(count < allowance.left for count, allowance in zip(judged_now, allowances, strict=True))


async def pending_of(
    from_here: ColumnElement[bool], same_email: ColumnElement[bool], address: str, email_key: str, now: float
) -> tuple[int, int, int]:
    """Return how many earlier attempts are being judged: of the pair, from the address, with the email."""
    recent = (attempts.c.outcome == PENDING) & (attempts.c.made > now - PENDING_SECONDS)
    rows = await database.fetch_all(
        select(attempts.c.address, attempts.c.email_key).where(recent, from_here | same_email)
    )
    by_email = Counter(row["address"] for row in rows if row["email_key"] == email_key)
    here = sum(row["address"] == address for row in rows)
    # Of each address no more are judged at once: one alone cannot hold up another.
    with_email = sum(min(count, settings.THROTTLE_PAIR_FAILURES) for count in by_email.values())
    return by_email[address], here, with_email


async def of_pair(pair: ColumnElement[bool], now: float) -> Allowance:
    """Return what one email is allowed from one address: each full round of failures doubles the wait."""
    limit, window = settings.THROTTLE_PAIR_FAILURES, settings.THROTTLE_WINDOW_SECONDS
    success = await database.fetch_val(select(func.max(attempts.c.id)).where(pair, attempts.c.outcome.in_(SUCCESSES)))
    since = (attempts.c.id > (success or 0)) & (attempts.c.made > now - LONGEST_WAIT_SECONDS)
    rounds, ended, begun = 0, now, list[float]()
    for made in reversed(await failures_of(pair & since, 1000)):
        begun = [*(earlier for earlier in begun if earlier > made - window), made]
        if len(begun) == limit:
            rounds, ended, begun = rounds + 1, made, []
    left = limit - sum(made > now - window for made in begun)
    if rounds == 0:
        return Allowance(now, left)
    return Allowance(ended + min(window * 2 ** min(rounds - 1, 20), LONGEST_WAIT_SECONDS), left)


async def of_window(which: ColumnElement[bool], limit: int, now: float, counted: str = WRONG) -> Allowance:
    """Return what is allowed until the attempts of the window that is past, with this outcome, reach the limit."""
    in_window = attempts.c.made > now - settings.THROTTLE_WINDOW_SECONDS
    failures = await failures_of(which & in_window, limit, counted)
    if len(failures) < limit:
        return Allowance(now, limit - len(failures))
    return Allowance(failures[-1] + settings.THROTTLE_WINDOW_SECONDS, 0)


async def failures_of(which: ColumnElement[bool], most: int, counted: str = WRONG) -> list[float]:
    """Return when the attempts of a condition with this outcome were made, the newest first."""
    failed = select(attempts.c.made).where(which, attempts.c.outcome == counted)
    rows = await database.fetch_all(failed.order_by(attempts.c.id.desc()).limit(most))
    return [row["made"] for row in rows]
