"""What an import would change: its draft beside the employees whom there are already."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import select

from webapp import audit, look_alikes
from webapp.database import database
from webapp.exchange import protection
from webapp.exchange.draft import CHANGED, FIELDS, NEW, SAME, Draft, plain
from webapp.tables import employees

COMPARED = [employees.c[name] for name in ("emp_no", *FIELDS, "version", "words")]


async def compare(draft: Draft, *, update: bool, progress: Any) -> None:
    """Find out of each row whether it adds, changes or leaves an employee as they are, or is wrong.

    Args:
        draft: the rows; each is new until it is judged.
        update: whether rows may change employees whom there are.
        progress: is told how many rows were compared.
    """
    for some in draft.rows(NEW):
        by_number, number_by_email = await those_there(some)
        verdicts = []
        for row in some:
            found = by_number.get(row["emp_no"])
            problem = conflict(row, found, number_by_email.get(row["email"]), update=update)
            if problem:
                draft.refuse(row["line"], problem)
            elif found is not None:
                verdicts.append(verdict(row, found))
        draft.judge(verdicts)
        progress(len(some))


async def those_there(some: list[sqlite3.Row]) -> tuple[dict[int, Mapping[str, Any]], dict[str, int]]:
    """Return the employees who have the numbers of these rows, and the numbers of those who have their emails."""
    numbers, emails = [row["emp_no"] for row in some], [row["email"] for row in some]
    found = await database.fetch_all(select(*COMPARED).where(employees.c.emp_no.in_(numbers)))
    owners = select(employees.c.email, employees.c.emp_no).where(employees.c.email.in_(emails))
    return (
        {row["emp_no"]: row._mapping for row in found},
        {row["email"]: row["emp_no"] for row in await database.fetch_all(owners)},
    )


def conflict(row: sqlite3.Row, found: Mapping[str, Any] | None, owner: int | None, *, update: bool) -> str | None:
    """Return why a row cannot be taken beside what there is, None where it can."""
    if objection := protection.objection(row, found):
        return objection
    if found is not None and not update:
        return "emp_no: There is an employee with this number already; with --update they are changed"
    if (found is None or found["email"] != row["email"]) and (problem := look_alikes.problem_of(row["email"])):
        return f"email: {problem}"
    if owner is not None and owner != row["emp_no"]:
        return f"email: Employee {owner} has this email already"
    return None


def verdict(row: sqlite3.Row, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row changes of an employee; without scopes in the file, or with the same, theirs stay."""
    before, after = plain(found), dict(row)
    stays = row["scopes"] is None or set(row["scopes"].split()) == set(before["scopes"].split())
    if stays:
        after["scopes"] = before["scopes"]
    details = audit.differences(before, after, FIELDS)
    return {
        "line": row["line"],
        "state": CHANGED if details else SAME,
        "version": found["version"],
        "details": orjson.dumps(details).decode(),
        "words": found["words"],
        "email": found["email"],
        "scopes": None if stays else row["scopes"],
    }
