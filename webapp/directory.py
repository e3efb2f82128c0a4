"""The directory: employees in an order, those that a search finds, page by page by key.

Where a word is rare, the rows that it leads to are looked at and sorted; where every word is common, the order itself
is walked until the page is full. Common words may come together seldom or never: then the walk ends early, and the rows
of one of them are looked at after all, which is exact, and quicker than to walk to the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, select, union_all

from webapp.database import database
from webapp.orders import COLUMNS, Stretch, stretches
from webapp.orders import SORTS as SORTS
from webapp.tables import employee_words, employees
from webapp.terms import Condition, Terms, begins, has_all, is_number, terms_of

PAGE = 25
LONGEST_PAGE = 100
# To look at so many rows and sort them takes as long as to walk the order until a page is full of those who have words
# as common as that. A walk may be longer with more words, and where matches go with the order: names, numbers.
FEW_FOR_ONE_WORD = 4_000
FEW = 15_000
FEW_IN_STEP = 40_000
WORDS_COUNTED = 2
# So far a walk goes for a page that is not full: some more than it takes where common words come together by chance.
LONGEST_WALK = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An employee as the directory lists them."""

    emp_no: int
    email: str
    first_name: str
    last_name: str
    hire_date: date | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the directory, and the number of the employee after whom the next one begins; None on the last."""

    entries: list[Entry]
    after: int | None


class NoSuchPlace(Exception):
    """Nobody has the number after which a page is to begin."""


async def page(query: str, sort: str = "name", after: int | None = None, limit: int = PAGE) -> Page:
    """Return a page of the employees that a query finds.

    Args:
        query: the beginnings of words of the name or the email, or a number, all of which must match; "" for everybody.
        sort: one of SORTS; a minus turns the order around.
        after: the number of the last employee of the page before.
        limit: how many employees at the most.

    Raises:
        NoSuchPlace: nobody has the number `after`.
    """
    terms = terms_of(query)
    if query.strip() and not terms.words:
        return Page([], None)
    found: list[Entry] = []
    left = stretches(sort, None if after is None else await place_of(after))
    word = await rarest(left[0], terms)
    for stretch in left:
        if len(found) <= limit:
            found += await entries(stretch, terms, word, limit + 1 - len(found))
    return Page(found[:limit], found[limit - 1].emp_no if len(found) > limit else None)


async def place_of(emp_no: int) -> Mapping[str, Any]:
    """Return where an employee stands in each order."""
    columns = [employees.c[name] for name in COLUMNS.values()]
    row = await database.fetch_one(select(*columns).where(employees.c.emp_no == emp_no))
    if row is None:
        raise NoSuchPlace
    return dict(row._mapping)


async def entries(stretch: Stretch, terms: Terms, word: str | None, limit: int) -> list[Entry]:
    """Return the first employees of a stretch who have all the terms, found through a word or by walking."""
    if word is not None:
        return await led_to(stretch, terms, word, limit)
    end = await end_of_walk(stretch) if terms.words else None
    found = await walked(stretch, terms, end, limit)
    if end is None or len(found) == limit:
        return found
    return await led_to(stretch, terms, terms.words[0], limit)


async def end_of_walk(stretch: Stretch) -> Mapping[str, Any] | None:
    """Return the place in a stretch as far as a walk goes, None where that is its end."""
    keys = stretch.keys(employees)
    ahead = select(*keys).where(*stretch.where(employees, keys)).order_by(*stretch.order(keys))
    row = await database.fetch_one(ahead.offset(LONGEST_WALK).limit(1))
    return None if row is None else dict(row._mapping)


async def walked(stretch: Stretch, terms: Terms, end: Mapping[str, Any] | None, limit: int) -> list[Entry]:
    """Return the first employees of a stretch before its end who have all the terms."""
    keys = stretch.keys(employees)
    query = select(*keys).where(*stretch.where(employees, keys), *has_all(employees, terms))
    if end is not None:
        before = replace(stretch, backwards=not stretch.backwards, place=end)
        query = query.where(*before.where(employees, keys))
    return await those(stretch, query.order_by(*stretch.order(keys)).limit(limit))


async def led_to(stretch: Stretch, terms: Terms, word: str, limit: int) -> list[Entry]:
    """Return the first employees of a stretch who have all the terms, found through a word."""
    found = union_all(*arms(stretch, terms, word, limit)).subquery()
    return await those(stretch, select(*found.c).distinct().order_by(*stretch.order(list(found.c))).limit(limit))


async def those(stretch: Stretch, keys: Select[Any]) -> list[Entry]:
    """Return the employees whose keys a query finds, in order; what is not a key is read of them alone."""
    columns, first = [employees.c[name] for name in Entry.__slots__], keys.subquery()
    query = select(*columns).join(first, first.c.emp_no == employees.c.emp_no)
    query = query.order_by(*stretch.order(stretch.keys(employees)))
    return [Entry(**row._mapping) for row in await database.fetch_all(query)]


async def rarest(stretch: Stretch, terms: Terms) -> str | None:
    """Return the word that leads to the fewest rows, None where there is no word, or even that leads to many."""
    words = terms.words[:WORDS_COUNTED]
    if not words:
        return None
    few = few_of(stretch, terms)
    counts = await database.fetch_one(select(*(rows_led_to(stretch, word, few) for word in words)))
    count, word = min((int(counts[place]), word) for place, word in enumerate(words))
    return word if count < few else None


def few_of(stretch: Stretch, terms: Terms) -> int:
    """Return how many rows it is quicker to look at than to walk the order."""
    count = len(terms.words)
    if (
        count > 2
        or (count == 2 and stretch.column == "words")
        or (stretch.column == "emp_no" and is_number(terms.words[0]))
    ):
        return FEW_IN_STEP
    return FEW if count == 2 else FEW_FOR_ONE_WORD


def rows_led_to(stretch: Stretch, word: str, most: int) -> ColumnElement[int]:
    """Return the number of rows that a word leads to, counted no further than necessary."""
    rows = union_all(*(select(table.c.emp_no).where(leads) for table, leads in ways(stretch, word)))
    return select(func.count()).select_from(rows.limit(most).subquery()).scalar_subquery()


def ways(stretch: Stretch, word: str) -> list[tuple[Table, Condition]]:
    """Return the tables in which a word leads to rows that are to be sorted, and how.

    In the order of names, those whose last name begins so stand side by side and need no sorting.
    """
    by_word = (employee_words, begins(employee_words.c.word, word))
    by_last_name = (employees, begins(employees.c.words, f" {word}"))
    return [by_word] if stretch.column == "words" else [by_word, by_last_name]


def arms(stretch: Stretch, terms: Terms, word: str, limit: int) -> list[Select[Any]]:
    """Return the queries that each find the first employees of a stretch by one way that a word leads."""
    leads = [(employee_words, begins(employee_words.c.word, word)), (employees, begins(employees.c.words, f" {word}"))]
    if is_number(word):
        leads.append((employees, employees.c.emp_no == int(word)))
    # What leads to a row need not be asked of it again.
    others = replace(terms, words=[other for other in terms.words if other != word])
    queries = []
    for table, condition in leads:
        keys = stretch.keys(table, sorted_after=True)
        these = select(*keys).distinct().where(condition, *stretch.where(table, keys), *has_all(table, others))
        queries.append(select(*these.order_by(*stretch.order(keys)).limit(limit).subquery().c))
    return queries
