"""How many attempts are allowed, each rule with the threat that needs it (ASVS 6.1.1, 6.3.1).

Whatever is in the table, a rule reads as many entries of one index as it counts, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, Select, and_, distinct, func, literal_column, select, union_all

from webapp import settings
from webapp.auth.attempt_log import AHEAD_SECONDS, ASKED, LOGGED_IN, SUCCESSES, WRONG, Source
from webapp.database import database
from webapp.tables import attempts

DAY_SECONDS = MAX_WAIT_SECONDS = 86400
# More rounds of a wait that doubles do not fit into a day.
MAX_ROUNDS = 20
MAX_COLLEAGUES = 200
MAX_LOGINS_READ = 2000


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

    def counts(self, outcome: str, since: float, now: float) -> ColumnElement[bool]:
        """Return the condition of the attempts with this key and an outcome, since a time."""
        in_time = (attempts.c.made > since) & (attempts.c.made <= now + AHEAD_SECONDS)
        return and_(self.column == self.key, attempts.c.outcome == outcome, in_time)


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


async def allowances_of(rules: Sequence[Rule], now: float, earlier: ColumnElement[bool]) -> list[Allowance]:
    """Return what each rule allows, seen from the attempts that a condition calls earlier."""
    allowances = await counted(rules, now, earlier) if rules else []
    for place, rule in enumerate(rules):
        if rule.grows and allowances[place].left == 0:
            more = settings.THROTTLE_COLLEAGUE_FAILURES * await colleagues(rule, now)
            if more:
                grown = replace(rule, limit=rule.limit + more)
                (allowances[place],) = await counted([grown], now, earlier)
    return allowances


async def counted(rules: Sequence[Rule], now: float, earlier: ColumnElement[bool]) -> list[Allowance]:
    """Return what is allowed until the attempts of each rule's window reach its limit."""
    rows = await database.fetch_all(
        union_all(*(count_of(place, rule, now, earlier) for place, rule in enumerate(rules)))
    )
    counts = {row["place"]: (row["count"], row["oldest"]) for row in rows}
    return [
        Allowance(min(oldest, now) + rule.seconds, 0) if count >= rule.limit else Allowance(now, rule.limit - count)
        for rule, (count, oldest) in zip(rules, (counts[place] for place in range(len(rules))), strict=True)
    ]


def count_of(place: int, rule: Rule, now: float, earlier: ColumnElement[bool]) -> Select[int, int, Any]:
    """Return the query for how many attempts of a rule's window there are, up to its limit, and when the oldest was."""
    which = rule.counts(rule.outcome, now - rule.seconds, now)
    newest = select(attempts.c.made).where(which, earlier).order_by(attempts.c.made.desc()).limit(rule.limit).subquery()
    return select(
        literal_column(str(place), Integer).label("place"),
        func.count().label("count"),
        func.min(newest.c.made).label("oldest"),
    ).select_from(newest)


async def colleagues(rule: Rule, now: float) -> int:
    """Return how many different employees have logged in under a rule's key during the past day, up to a bound."""
    which = rule.counts(LOGGED_IN, now - DAY_SECONDS, now)
    logins = select(attempts.c.emp_no).where(which).order_by(attempts.c.made.desc()).limit(MAX_LOGINS_READ).subquery()
    found: int = await database.fetch_val(select(func.count(distinct(logins.c.emp_no))))
    return min(found, MAX_COLLEAGUES)


async def of_pair(source: Source, now: float, earlier: ColumnElement[bool]) -> Allowance:
    """Return what one email is allowed from one address, or from one known browser.

    Guesses at one employee from one place: each full round of failures doubles the wait, a success forgets them.
    """
    limit, window = settings.THROTTLE_PAIR_FAILURES, settings.THROTTLE_WINDOW_SECONDS
    pair = Rule(attempts.c.pair_key, source.pair_key, limit, window)
    failed = select(attempts.c.id, attempts.c.made).where(pair.counts(WRONG, now - MAX_WAIT_SECONDS, now), earlier)
    rows = await database.fetch_all(failed.order_by(attempts.c.made.desc()).limit(limit * MAX_ROUNDS))
    success = await last_success(pair, now) if rows else 0
    rounds, ended, begun = 0, now, list[float]()
    for made in (min(row["made"], now) for row in reversed(rows) if row["id"] > success):
        begun = [*(before for before in begun if before > made - window), made]
        if len(begun) == limit:
            rounds, ended, begun = rounds + 1, made, []
    left = limit - sum(made > now - window for made in begun)
    if rounds == 0:
        return Allowance(now, left)
    return Allowance(ended + min(window * 2 ** (rounds - 1), MAX_WAIT_SECONDS), left)


async def last_success(pair: Rule, now: float) -> int:
    """Return the number of a pair's last success, 0 where there is none since the longest wait."""
    last = (
        select(attempts.c.id)
        .where(pair.counts(outcome, now - MAX_WAIT_SECONDS, now))
        .order_by(attempts.c.made.desc())
        .limit(1)
        .subquery()
        for outcome in SUCCESSES
    )
    rows = await database.fetch_all(union_all(*(select(one.c.id) for one in last)))
    return max((int(row["id"]) for row in rows), default=0)
