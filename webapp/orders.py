"""The orders in which the directory lists employees, and the stretches of them that are still to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, func, or_

from webapp.terms import Condition

COLUMNS = {"name": "words", "number": "emp_no", "hired": "hire_date"}
SORTS = ("name", "-name", "number", "-number", "hired", "-hired")


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


def stretches(sort: str, place: Mapping[str, Any] | None) -> list[Stretch]:
    """Return what is left of an order after a place."""
    column, backwards = COLUMNS[sort.removeprefix("-")], sort.startswith("-")
    if column != "hire_date":
        return [Stretch(column, backwards, place)]
    if place is not None and place["hire_date"] is None:
        return [Stretch(column, backwards, place, undated=True)]
    return [Stretch(column, backwards, place), Stretch(column, backwards, None, undated=True)]
