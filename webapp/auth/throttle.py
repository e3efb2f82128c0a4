"""The log of attempts to log in, and from its rows alone how many more are allowed (ASVS 6.1.1, 6.3.1)."""

import math

from sqlalchemy import ColumnElement, func, insert, select, update
from starlette.requests import Request

from webapp import clock, settings
from webapp.auth.signins import address_of, user_agent_of
from webapp.database import attempts, database
from webapp.employees import normal_email

WRONG, LOGGED_IN, THROTTLED = "wrong", "logged in", "throttled"
LONGEST_WAIT_SECONDS = 86400


async def record(request: Request, email: str, emp_no: int | None) -> int:
    """Write an attempt down, as wrong until it is known to be right, and return its number.

    It is written before it is judged, so that a hundred at the same time count as a hundred.
    """
    row = insert(attempts).values(
        made=clock.now(),
        email=email[:255],
        email_key=normal_email(email)[:255],
        emp_no=emp_no,
        outcome=WRONG,
        address=address_of(request),
        user_agent=user_agent_of(request),
    )
    number: int = await database.fetch_val(row.returning(attempts.c.id))
    return number


async def mark(number: int, outcome: str) -> None:
    """Write down how an attempt has ended."""
    await database.execute(update(attempts).where(attempts.c.id == number).values(outcome=outcome))


async def seconds_to_wait(number: int, request: Request, email: str) -> int:
    """Return for how many seconds an attempt comes too early, 0 where it may be tried."""
    now = clock.now()
    earlier = attempts.c.id < number
    from_here = earlier & (attempts.c.address == address_of(request))
    same_email = earlier & (attempts.c.email_key == normal_email(email)[:255])
    free_again = max(
        await pair_free_again(from_here & same_email, now),
        await free_again_after(from_here, settings.THROTTLE_ADDRESS_FAILURES, now),
        await free_again_after(same_email, settings.THROTTLE_EMAIL_FAILURES, now),
    )
    return max(0, math.ceil(free_again - now))


async def pair_free_again(pair: ColumnElement[bool], now: float) -> float:
    """Return when one email may be tried again from one address: each full round of failures doubles the wait."""
    success = await database.fetch_val(select(func.max(attempts.c.id)).where(pair, attempts.c.outcome == LOGGED_IN))
    since = (attempts.c.id > (success or 0)) & (attempts.c.made > now - LONGEST_WAIT_SECONDS)
    failures = await failures_of(pair & since, 1000)
    rounds = len(failures) // settings.THROTTLE_PAIR_FAILURES
    if rounds == 0:
        return now
    wait: float = min(settings.THROTTLE_WINDOW_SECONDS * 2 ** min(rounds - 1, 20), LONGEST_WAIT_SECONDS)
    last_of_rounds: float = failures[len(failures) - rounds * settings.THROTTLE_PAIR_FAILURES]
    return last_of_rounds + wait


async def free_again_after(which: ColumnElement[bool], limit: int, now: float) -> float:
    """Return when the failures of the window that is past are fewer than the limit."""
    in_window = attempts.c.made > now - settings.THROTTLE_WINDOW_SECONDS
    failures = await failures_of(which & in_window, limit)
    return failures[-1] + settings.THROTTLE_WINDOW_SECONDS if len(failures) == limit else now


async def failures_of(which: ColumnElement[bool], most: int) -> list[float]:
    """Return when the failed attempts of a condition were made, the newest first."""
    failed = select(attempts.c.made).where(which, attempts.c.outcome == WRONG)
    rows = await database.fetch_all(failed.order_by(attempts.c.id.desc()).limit(most))
    return [row["made"] for row in rows]
