"""How many attempts are allowed, each rule with the threat that needs it (ASVS 6.1.1, 6.3.1).

Whatever is in the table, a rule reads as many entries of one index as it counts, and no more.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Column,
    CompoundSelect,
    Integer,
    Select,
    Subquery,
    bindparam,
    distinct,
    func,
    literal_column,
    select,
    union_all,
)

from webapp import settings
from webapp.auth.attempt_log import AHEAD_SECONDS, ASKED, LOGGED_IN, SUCCESSES, WRONG, Source
from webapp.database import database
from webapp.tables import attempts

DAY_SECONDS = MAX_WAIT_SECONDS = 86400
# More rounds of a wait that doubles do not fit into a day.
MAX_ROUNDS = 20
MAX_COLLEAGUES = 200
MAX_LOGINS_READ = 2000
# More than the number of any attempt: what is earlier is all that there is.
NO_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Allowance:
    """When the next attempt may be made, in seconds since 1970, and how many may then be made at once."""

    free_again: float
    left: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit on the attempts that have one key in common and the same outcome, within some seconds.

    Attributes:
        grows: whether each employee who logged in from there during the past day allows some more.
    """

    column: Column[Any]
    key: str
    limit: int
    seconds: int
    outcome: str = WRONG
    grows: bool = False


def one_email(source: Source) -> Rule:
    """Guesses at one employee from many addresses, a few from each (a botnet)."""
    limit = settings.THROTTLE_EMAIL_FAILURES
    return Rule(attempts.c.email_key, source.email_key, limit, settings.THROTTLE_WINDOW_SECONDS)


def one_address(source: Source) -> Rule:
    """Guesses at many employees from one address, a few at each.

    Many colleagues share an office's address, so the allowance grows with how many of them log in there. Somebody among
    them gains as many guesses in a window more, still five at each email before its own wait doubles.
    """
    limit = settings.THROTTLE_ADDRESS_FAILURES
    return Rule(attempts.c.address_key, source.address_key, limit, settings.THROTTLE_WINDOW_SECONDS, grows=True)


def one_space(source: Source) -> Rule:
    """Guesses at many employees from many addresses that cost nothing: those of one customer of a provider."""
    limit = settings.THROTTLE_SPACE_FAILURES
    return Rule(attempts.c.address_space, source.address_space, limit, settings.THROTTLE_WINDOW_SECONDS, grows=True)


def rules_for_judging(source: Source) -> list[Rule]:
    """Return the rules beside that of the pair; a known browser has none, so that strangers' guesses do not hold it."""
    return [] if source.is_known else [one_address(source), one_email(source), one_space(source)]


def rules_for_asking(source: Source) -> list[Rule]:
    """Return how many links may be asked for: a mailbox that is filled, and mail that is sent in our name to many."""
    column, key = (
        (attempts.c.pair_key, source.pair_key) if source.is_known else (attempts.c.email_key, source.email_key)
    )
    few = Rule(column, key, settings.THROTTLE_PAIR_FAILURES, settings.THROTTLE_WINDOW_SECONDS, ASKED)
    in_a_day = Rule(column, key, settings.THROTTLE_MAILS_PER_DAY, DAY_SECONDS, ASKED)
    strangers = [] if source.is_known else [one_address(source), one_space(source)]
    return [few, in_a_day, *(replace(rule, outcome=ASKED, grows=False) for rule in strangers)]


async def allowances_of(rules: Sequence[Rule], now: float, before: int) -> list[Allowance]:
    """Return what each rule allows, seen from the attempts before one of a number."""
    allowances = await counted(rules, now, before) if rules else []
    for place, rule in enumerate(rules):
        if rule.grows and allowances[place].left == 0:
            more = settings.THROTTLE_COLLEAGUE_FAILURES * await colleagues(rule, now)
            if more:
                grown = replace(rule, limit=rule.limit + more)
                (allowances[place],) = await counted([grown], now, before)
    return allowances


async def counted(rules: Sequence[Rule], now: float, before: int) -> list[Allowance]:
    """Return what is allowed until the attempts of each rule's window reach its limit."""
    query = counts_of(tuple((rule.column, rule.outcome) for rule in rules))
    limits = [(rule.key, now - rule.seconds, rule.limit) for rule in rules]
    rows = await database.fetch_all(query, values_of(limits, now, before))
    counts = {row["place"]: (row["count"], row["oldest"]) for row in rows}
    return [
        Allowance(min(oldest, now) + rule.seconds, 0) if count >= rule.limit else Allowance(now, rule.limit - count)
        for rule, (count, oldest) in zip(rules, (counts[place] for place in range(len(rules))), strict=True)
    ]


def values_of(limits: Sequence[tuple[str, float, int]], now: float, before: int = NO_NUMBER) -> dict[str, Any]:
    """Return the values of a query for the newest attempts of each of some keys.

    Args:
        limits: for each of them the key, since when, and how many at the most.
        before: the number of the attempt before which they were made.
    """
    values: dict[str, Any] = {"until": now + AHEAD_SECONDS, "before": before}
    for place, (key, since, most) in enumerate(limits):
        values |= {f"key_{place}": key, f"since_{place}": since, f"most_{place}": most}
    return values


# These queries are put together once, and take `values_of`: putting them together took half of an attempt's time.


@functools.cache
def newest(what: tuple[Column[Any], ...], column: Column[Any], outcome: str, place: int = 0) -> Select[Any]:
    """Return the query for the newest attempts with one key and one outcome."""
    return (
        select(*what)
        .where(
            column == bindparam(f"key_{place}"),
            attempts.c.outcome == outcome,
            attempts.c.made > bindparam(f"since_{place}"),
            attempts.c.made <= bindparam("until"),
            attempts.c.id < bindparam("before"),
        )
        .order_by(attempts.c.made.desc())
        .limit(bindparam(f"most_{place}", type_=Integer))
    )


@functools.cache
def counts_of(counts: tuple[tuple[Column[Any], str], ...]) -> CompoundSelect[Any]:
    """Return the query for how many attempts of each key there are, up to a limit, and when the oldest was."""
    found = [newest((attempts.c.made,), *count, place).subquery() for place, count in enumerate(counts)]
    return union_all(*(count_of(place, one) for place, one in enumerate(found)))


def count_of(place: int, found: Subquery) -> Select[int, int, Any]:
    """Return the query for how many attempts were found, and when the oldest was."""
    return select(
        literal_column(str(place), Integer).label("place"),
        func.count().label("count"),
        func.min(found.c.made).label("oldest"),
    ).select_from(found)


async def colleagues(rule: Rule, now: float) -> int:
    """Return how many different employees have logged in under a rule's key during the past day, up to a bound."""
    found: int = await database.fetch_val(
        employees_among(rule.column), values_of([(rule.key, now - DAY_SECONDS, MAX_LOGINS_READ)], now)
    )
    return min(found, MAX_COLLEAGUES)


@functools.cache
def employees_among(column: Column[Any]) -> Select[Any]:
    """Return the query for how many employees the newest logins with one key are of."""
    logins = newest((attempts.c.emp_no,), column, LOGGED_IN).subquery()
    return select(func.count(distinct(logins.c.emp_no)))


async def of_pair(source: Source, now: float, before: int) -> Allowance:
    """Return what one email is allowed from one address, or from one known browser.

    Guesses at one employee from one place: each full round of failures doubles the wait, a success forgets them.
    """
    limit, window = settings.THROTTLE_PAIR_FAILURES, settings.THROTTLE_WINDOW_SECONDS
    rows = await database.fetch_all(
        newest((attempts.c.id, attempts.c.made), attempts.c.pair_key, WRONG),
        values_of([(source.pair_key, now - MAX_WAIT_SECONDS, limit * MAX_ROUNDS)], now, before),
    )
    success = await last_success(source, now) if rows else 0
    rounds, ended, begun = 0, now, list[float]()
    for made in (min(row["made"], now) for row in reversed(rows) if row["id"] > success):
        begun = [*(earlier for earlier in begun if earlier > made - window), made]
        if len(begun) == limit:
            rounds, ended, begun = rounds + 1, made, []
    left = limit - sum(made > now - window for made in begun)
    if rounds == 0:
        return Allowance(now, left)
    return Allowance(ended + min(window * 2 ** (rounds - 1), MAX_WAIT_SECONDS), left)


async def last_success(source: Source, now: float) -> int:
    """Return the number of a pair's last success, 0 where there is none since the longest wait."""
    since = (source.pair_key, now - MAX_WAIT_SECONDS, 1)
    rows = await database.fetch_all(successes(), values_of([since] * len(SUCCESSES), now))
    return max((int(row["id"]) for row in rows), default=0)


@functools.cache
def successes() -> CompoundSelect[Any]:
    """Return the query for the last attempt of a pair with each outcome that forgets the failures before."""
    found = [
        newest((attempts.c.id,), attempts.c.pair_key, outcome, place).subquery()
        for place, outcome in enumerate(SUCCESSES)
    ]
    return union_all(*(select(one.c.id) for one in found))
