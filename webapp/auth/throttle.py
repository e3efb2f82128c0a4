"""Too many attempts are refused before they cost anything: no hash, and no row for each."""

import asyncio
import functools
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import Column, CompoundSelect, select, union_all
from starlette.requests import Request

from webapp import clock, settings
from webapp.addresses import address_key
from webapp.answers import FormRefused
from webapp.auth import attempt_log, crowd, spraying, throttle_rules
from webapp.auth.attempt_log import PENDING, THROTTLED, Source, mark, record
from webapp.auth.recent_counts import RecentCounts
from webapp.auth.throttle_rules import Allowance, Rule
from webapp.clients import address_of
from webapp.database import database
from webapp.employees import Employee
from webapp.tables import attempts

# An attempt that has not been judged for so long never will be: its worker is gone.
PENDING_SECONDS = 30
MAX_PENDING_READ = 1000
# How long an attempt waits while others are judged, and how often it asks whether it may be.
PATIENCE_SECONDS = 10
ASK_EVERY_SECONDS = 0.1
CROWDED_SECONDS = 1
# Refused attempts are rows once in this time for each address, up to a bound for all; the others are not written down.
ROW_EVERY_SECONDS = 60
MAX_ROWS_A_MINUTE = 60
MAX_MALFORMED = 100

rows_written, malformed, refused_before = RecentCounts(), RecentCounts(), RecentCounts()


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


def count_malformed(request: Request) -> None:
    """Count an attempt without an email or a password in memory: a program that sends them without end writes nothing.

    Raises:
        TooManyAttempts: there were too many from the address.
    """
    count, seconds = malformed.add(address_key(address_of(request)), settings.THROTTLE_WINDOW_SECONDS)
    if count > MAX_MALFORMED:
        raise TooManyAttempts(math.ceil(seconds))


@asynccontextmanager
async def turn(
    request: Request, source: Source, employee: Employee | None, password: str | None = None
) -> AsyncIterator[int]:
    """Wait until an attempt may be judged, while others are, and give its number; not until failures are forgotten.

    Args:
        employee: whose email it is.
        password: what is tried at the login, where one may be tried with many emails.

    Raises:
        TooManyAttempts: there were too many failures, or the others take too long.
    """
    deadline = clock.steady() + PATIENCE_SECONDS
    await attempt_log.bring_back()
    async with AsyncExitStack() as held:
        try:
            await ensure_few(source, password, look=was_refused(source))
            async with asyncio.timeout(PATIENCE_SECONDS):
                has_waited = await held.enter_async_context(crowd.place(source))
            # Others were judged while it waited.
            await ensure_few(source, password, look=has_waited)
        except (TooManyAttempts, TimeoutError) as refused:
            await note_refused(request, source, employee)
            raise as_too_many(refused) from None
        number = await record(request, source, employee)
        try:
            while not await may_be_judged(number, source):
                if clock.steady() >= deadline:
                    raise TimeoutError
                await asyncio.sleep(ASK_EVERY_SECONDS)
        except (TooManyAttempts, TimeoutError) as refused:
            await mark(number, THROTTLED)
            may_write_row(source)
            raise as_too_many(refused) from None
        yield number


def was_refused(source: Source) -> bool:
    """Return whether this process has refused such an attempt before, so that it looks before it writes the next."""
    return any(key in refused_before.counted for key in source.keys)


def as_too_many(refused: TooManyAttempts | TimeoutError) -> TooManyAttempts:
    """Return the refusal of an attempt; one for which the others took too long may come again at once."""
    return refused if isinstance(refused, TooManyAttempts) else TooManyAttempts(CROWDED_SECONDS)


async def note_refused(request: Request, source: Source, employee: Employee | None) -> None:
    """Write down that an attempt was refused, unless there are such rows enough."""
    if may_write_row(source):
        await record(request, source, employee, THROTTLED)


def may_write_row(source: Source) -> bool:
    """Count an attempt that was refused; return if it may be a row: one a minute of each address, and few in all."""
    for key in source.keys:
        refused_before.add(key, settings.THROTTLE_WINDOW_SECONDS)
    of_address, _ = rows_written.add(source.address_key, ROW_EVERY_SECONDS)
    return of_address == 1 and rows_written.add("all", ROW_EVERY_SECONDS)[0] <= MAX_ROWS_A_MINUTE


async def ensure_few(source: Source, password: str | None, *, look: bool) -> None:
    """Make sure that an attempt may be made now, before anything is written.

    Args:
        look: whether to look into the table, too.

    Raises:
        TooManyAttempts: it may not.
    """
    if password is not None and not source.is_known:
        refuse_until(spraying.seconds_to_wait(password))
    if look:
        await allowances_of(source, throttle_rules.NO_NUMBER)


async def allowances_of(source: Source, before: int) -> list[Allowance]:
    """Return what is allowed now, first of the pair, then by each rule, seen from the attempts before one of a number.

    Raises:
        TooManyAttempts: nothing is.
    """
    now = clock.now()
    rules = throttle_rules.rules_for_judging(source)
    pair = await throttle_rules.of_pair(source, now, before)
    allowances = [pair, *await throttle_rules.allowances_of(rules, now, before)]
    refuse_until(max(allowance.free_again for allowance in allowances) - now)
    return allowances


def refuse_until(seconds: float) -> None:
    """Refuse an attempt for some seconds, where there are any."""
    if seconds > 0:
        raise TooManyAttempts(math.ceil(seconds))


async def may_be_judged(number: int, source: Source) -> bool:
    """Return whether an attempt may be judged now, or has to wait for others that are just being judged.

    Raises:
        TooManyAttempts: there were too many failures.
    """
    # Before the failures: what is judged between the two is then counted twice, and never not at all.
    judged_now = await pending_of(source, throttle_rules.rules_for_judging(source), clock.now(), number)
    allowances = await allowances_of(source, number)
    return all(count < allowance.left for count, allowance in zip(judged_now, allowances, strict=True))


async def pending_of(source: Source, rules: Sequence[Rule], now: float, before: int) -> list[int]:
    """Return how many attempts before one of a number are being judged: of the pair, and of each rule."""
    pair = Rule(attempts.c.pair_key, source.pair_key, settings.THROTTLE_PAIR_FAILURES, PENDING_SECONDS)
    # A pair is part of its address, where that has a rule.
    asked = rules or (pair,)
    limits = [(rule.key, now - PENDING_SECONDS, MAX_PENDING_READ) for rule in asked]
    query = pending(tuple(rule.column for rule in asked))
    found = await database.fetch_all(query, throttle_rules.values_of(limits, now, before))
    rows = {row["id"]: row for row in found}
    return [of_rule(rule, [*rows.values()]) for rule in (pair, *rules)]


@functools.cache
def pending(columns: tuple[Column[Any], ...]) -> CompoundSelect[Any]:
    """Return the query for the attempts that are being judged, by each of some keys."""
    keys = (attempts.c.pair_key, attempts.c.address_key, attempts.c.email_key, attempts.c.address_space)
    found = [
        throttle_rules.newest((attempts.c.id, *keys), column, PENDING, place).subquery()
        for place, column in enumerate(columns)
    ]
    return union_all(*(select(one) for one in found))


def of_rule(rule: Rule, rows: list[Any]) -> int:
    """Return how many pending attempts a rule counts; of each pair no more than may fail, so one holds up no other."""
    by_pair = Counter(row["pair_key"] for row in rows if row[rule.column.name] == rule.key)
    return sum(min(count, settings.THROTTLE_PAIR_FAILURES) for count in by_pair.values())
