"""The log of attempts to log in, and from its rows alone how many more are allowed (ASVS 6.1.1, 6.3.1)."""

import math
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, insert, select, update
from starlette.requests import Request

from webapp import clock, settings
from webapp.auth.signins import address_of, user_agent_of
from webapp.database import attempts, database
from webapp.employees import normal_email

PENDING, WRONG, LOGGED_IN, THROTTLED = "pending", "wrong", "logged in", "throttled"
LONGEST_WAIT_SECONDS = 86400
# An attempt that has not been judged for so long never will be: its worker is gone.
PENDING_SECONDS = 30
# How long to wait where too many attempts are just being judged.
CROWDED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Allowance:
    """When the next attempt may be made, in seconds since 1970, and how many may then be made at once."""

    free_again: float
    left: int


async def record(request: Request, email: str, emp_no: int | None) -> int:
    """Write an attempt down before it is judged, so that a hundred at once count as a hundred; return its number."""
    row = insert(attempts).values(
        made=clock.now(),
        email=email[:255],
        email_key=normal_email(email)[:255],
        emp_no=emp_no,
        outcome=PENDING,
        address=address_of(request),
        user_agent=user_agent_of(request),
    )
    number: int = await database.fetch_val(row.returning(attempts.c.id))
    return number


async def mark(number: int, outcome: str) -> None:
    """Write down how an attempt has ended."""
    await database.execute(update(attempts).where(attempts.c.id == number).values(outcome=outcome))


async def seconds_to_wait(number: int, request: Request, email: str) -> int:
    """Return for how many seconds an attempt comes too early, 0 where it may be judged."""
    now, address, email_key = clock.now(), address_of(request), normal_email(email)[:255]
    earlier = attempts.c.id < number
    from_here, same_email = earlier & (attempts.c.address == address), earlier & (attempts.c.email_key == email_key)
    recent = (attempts.c.outcome == PENDING) & (attempts.c.made > now - PENDING_SECONDS)
    pending = await database.fetch_all(
        select(attempts.c.address, attempts.c.email_key).where(recent, from_here | same_email)
    )
    here = [row["email_key"] for row in pending if row["address"] == address]
    elsewhere = len(pending) - len(here)
    allowances = [
        (await of_pair(from_here & same_email, now), here.count(email_key)),
        (await of_window(from_here, settings.THROTTLE_ADDRESS_FAILURES, now), len(here)),
        (await of_window(same_email, settings.THROTTLE_EMAIL_FAILURES, now), here.count(email_key) + elsewhere),
    ]
    free_again = max(allowance.free_again for allowance, _ in allowances)
    if free_again > now:
        return math.ceil(free_again - now)
    crowded = any(judged_now >= allowance.left for allowance, judged_now in allowances)
    return CROWDED_SECONDS if crowded else 0


async def of_pair(pair: ColumnElement[bool], now: float) -> Allowance:
    """Return what one email is allowed from one address: each full round of failures doubles the wait."""
    limit = settings.THROTTLE_PAIR_FAILURES
    success = await database.fetch_val(select(func.max(attempts.c.id)).where(pair, attempts.c.outcome == LOGGED_IN))
    since = (attempts.c.id > (success or 0)) & (attempts.c.made > now - LONGEST_WAIT_SECONDS)
    failures = await failures_of(pair & since, 1000)
    rounds, begun = divmod(len(failures), limit)
    if rounds == 0:
        return Allowance(now, limit - begun)
    wait: float = min(settings.THROTTLE_WINDOW_SECONDS * 2 ** min(rounds - 1, 20), LONGEST_WAIT_SECONDS)
    return Allowance(failures[begun] + wait, limit - begun)


async def of_window(which: ColumnElement[bool], limit: int, now: float) -> Allowance:
    """Return what is allowed until the failures of the window that is past reach the limit."""
    in_window = attempts.c.made > now - settings.THROTTLE_WINDOW_SECONDS
    failures = await failures_of(which & in_window, limit)
    if len(failures) < limit:
        return Allowance(now, limit - len(failures))
    return Allowance(failures[-1] + settings.THROTTLE_WINDOW_SECONDS, 0)


async def failures_of(which: ColumnElement[bool], most: int) -> list[float]:
    """Return when the failed attempts of a condition were made, the newest first."""
    failed = select(attempts.c.made).where(which, attempts.c.outcome == WRONG)
    rows = await database.fetch_all(failed.order_by(attempts.c.id.desc()).limit(most))
    return [row["made"] for row in rows]
