"""Write an import's draft to the database, in one transaction and in as short a time as can be."""

import functools
import sqlite3
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from webapp import audit, clock
from webapp.auth import changes, passwords
from webapp.auth.scopes import USER_SCOPES
from webapp.connections import VALUES_REMEMBERED
from webapp.database import database
from webapp.exchange import protection
from webapp.exchange.draft import CHANGED, FIELDS, NEW, Draft
from webapp.tables import audit as audit_log
from webapp.tables import employee_words, employees

NUMBER: BindParameter[int] = bindparam("number")
NEW_COLUMNS = ("emp_no", *FIELDS, "words", "password_hash", "is_active", "changed", "version")
CHANGED_COLUMNS = (*FIELDS, "words", "changed", "version")
CHANGE = (
    update(employees)
    .where(employees.c.emp_no == NUMBER)
    .values({name: bindparam(f"new_{name}") for name in CHANGED_COLUMNS})
)
LOOKED_AT = [employees.c[name] for name in ("emp_no", "version", "email", "first_name", "last_name", "scopes")]
REMOVE_WORD = delete(employee_words).where(
    employee_words.c.word == bindparam("old_word"), employee_words.c.emp_no == NUMBER
)


class Refused(Exception):
    """The draft may not be written, with the reason in a sentence; nothing was."""


async def write(draft: Draft, actor: audit.Actor, source: str, progress: Any) -> None:
    """Write all rows, and what the audit log and the workers must know of them, or nothing.

    Raises:
        Duplicate: somebody has added an employee of that number or email since the draft was compared.
        Refused: somebody has changed an employee since.
    """
    async with database.transaction():
        for some in draft.rows(NEW):
            await add(some, actor)
            progress(len(some))
        for some in draft.rows(CHANGED):
            await change(some, actor)
            progress(len(some))
        await write_words(draft)
        counts = {"source": source, "added": draft.count(NEW), "changed": draft.count(CHANGED)}
        await audit.note(actor, audit.Action.IMPORTED, None, counts)


async def add(some: list[sqlite3.Row], actor: audit.Actor) -> None:
    """Add employees, who have no password yet."""
    usual, now = " ".join(USER_SCOPES), clock.now()
    rows = [(row["emp_no"], *values_of(row, usual), passwords.UNUSABLE, True, now, 1) for row in some]
    await database.execute_rows(insert(employees), NEW_COLUMNS, rows)
    await write_notes(audit.row_of(actor, audit.Action.IMPORTED, None, {}), [(row["emp_no"], "{}") for row in some])


async def write_notes(note: dict[str, Any], differing: list[tuple[int, str]]) -> None:
    """Write a row of the audit log many times, each with another number and other details."""
    same = {name: value for name, value in note.items() if name not in ("emp_no", "details")}
    values = tuple(same.values())
    await database.execute_rows(insert(audit_log), [*same, "emp_no", "details"], [(*values, *one) for one in differing])


def values_of(row: sqlite3.Row, scopes: str) -> tuple[Any, ...]:
    """Return an employee's fields and words as the database has them, with these scopes where the file says nothing."""
    _, _, email, birth_date, first_name, last_name, gender, hire_date, own_scopes, words, *_ = row
    return (
        email,
        day(birth_date),
        first_name,
        last_name,
        gender,
        day(hire_date),
        scopes if own_scopes is None else own_scopes,
        words,
    )


@functools.lru_cache(maxsize=VALUES_REMEMBERED)
def day(text: str | None) -> date | None:
    """Return a date of the draft as the database takes it."""
    return date.fromisoformat(text) if text else None


async def change(some: list[sqlite3.Row], actor: audit.Actor) -> None:
    """Change employees who are still as they were when the draft was compared, and let every worker hear."""
    numbers = [row["emp_no"] for row in some]
    there = select(*LOOKED_AT).where(employees.c.emp_no.in_(numbers)).order_by(employees.c.emp_no)
    found = {row["emp_no"]: row for row in await database.fetch_all(there.with_for_update())}
    for row in some:
        now_there = found.get(row["emp_no"])
        if now_there is None or now_there["version"] != row["version"] or protection.objection(row, now_there):
            raise Refused(f"somebody has changed employee {row['emp_no']} meanwhile; run the command again")
    now = clock.now()
    rows = [(row["emp_no"], *values_of(row, found[row["emp_no"]]["scopes"]), now, row["version"] + 1) for row in some]
    await database.execute_rows(CHANGE, ["number", *(f"new_{name}" for name in CHANGED_COLUMNS)], rows)
    note = audit.row_of(actor, audit.Action.CHANGED_BY_IMPORT, None, {})
    await write_notes(note, [(row["emp_no"], row["details"]) for row in some])
    await changes.record_signed_in(numbers)


async def write_words(draft: Draft) -> None:
    """Write the words by which employees are found."""
    for some in draft.word_rows("outdated"):
        await database.execute_rows(REMOVE_WORD, ["old_word", "number"], [row[:2] for row in some])
    for some in draft.word_rows("word_rows"):
        rows = [(word, emp_no, words, day(hire_date)) for word, emp_no, words, hire_date in some]
        await database.execute_rows(insert(employee_words), ["word", "emp_no", "words", "hire_date"], rows)
