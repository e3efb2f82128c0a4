"""The directory: employees in an order, those that a search finds, page by page by key.

Where a word is rare, the rows that it leads to are looked at and sorted; where every word is common, the order itself
is walked until the page is full. So no search makes the database look at many rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, func, or_, select, union_all

from webapp.database import database
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
COLUMNS = {"name": "words", "number": "emp_no", "hired": "hire_date"}
SORTS = ("name", "-name", "number", "-number", "hired", "-hired")


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of an order.

    Attributes:
        column: what it is sorted by first; then it is by number.
        backwards: whether it runs from the last to the first.
        place: the columns of the employee after whom it begins.
        undated: whether it is of those who have no hire date; they come last, whatever an engine itself would do.
    """

    column: str
    backwards: bool
    place: Mapping[str, Any] | None
    undated: bool = False

    def keys(self, table: FromClause, *, sorted_after: bool = False) -> list[ColumnElement[Any]]:
        """Return what a table is sorted by, hidden from its indexes where rows are found first and sorted then."""
        names = ["emp_no"] if self.undated else list(dict.fromkeys((self.column, "emp_no")))
        if sorted_after and self.column != "words":
            return [func.coalesce(table.c[name], table.c[name]).label(name) for name in names]
        return [table.c[name] for name in names]

    def order(self, keys: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """Return the keys in the order's direction."""
        return [key.desc() if self.backwards else key.asc() for key in keys]

    def where(self, table: FromClause, keys: Sequence[ColumnElement[Any]]) -> list[Condition]:
        """Return the conditions of the stretch's rows."""
        conditions: list[Condition] = []
        if self.column == "hire_date":
            conditions.append(table.c.hire_date.is_(None) if self.undated else keys[0].is_not(None))
        if self.place is not None:
            conditions += self.beyond(*((key, self.place[key.key or ""]) for key in keys))
        return conditions

    def beyond(self, first: tuple[ColumnElement[Any], Any], *second: tuple[ColumnElement[Any], Any]) -> list[Condition]:
        """Return the conditions of what comes after a value of the first key, or of the second where it is the same."""
        key, at = first
        after = key < at if self.backwards else key > at
        if not second:
            return [after]
        return [key <= at if self.backwards else key >= at, or_(after, *self.beyond(*second))]


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


def stretches(sort: str, place: Mapping[str, Any] | None) -> list[Stretch]:
    """Return what is left of an order after a place."""
    column, backwards = COLUMNS[sort.removeprefix("-")], sort.startswith("-")
    if column != "hire_date":
        return [Stretch(column, backwards, place)]
    if place is not None and place["hire_date"] is None:
        return [Stretch(column, backwards, place, undated=True)]
    return [Stretch(column, backwards, place), Stretch(column, backwards, None, undated=True)]


async def entries(stretch: Stretch, terms: Terms, word: str | None, limit: int) -> list[Entry]:
    """Return the first employees of a stretch who have all the terms, found through a word or by walking."""
    columns, keys = [employees.c[name] for name in Entry.__slots__], stretch.keys(employees)
    if word is None:
        walked = select(*keys).where(*stretch.where(employees, keys), *has_all(employees, terms))
        first = walked.order_by(*stretch.order(keys)).limit(limit).subquery()
    else:
        found = union_all(*arms(stretch, terms, word, limit)).subquery()
        first = select(*found.c).distinct().order_by(*stretch.order(list(found.c))).limit(limit).subquery()
    query = select(*columns).join(first, first.c.emp_no == employees.c.emp_no)
    return [Entry(**row._mapping) for row in await database.fetch_all(query.order_by(*stretch.order(keys)))]


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
    queries = []
    for table, condition in leads:
        keys = stretch.keys(table, sorted_after=True)
        these = select(*keys).distinct().where(condition, *stretch.where(table, keys), *has_all(table, terms))
        queries.append(select(*these.order_by(*stretch.order(keys)).limit(limit).subquery().c))
    return queries
