"""What an import never does: give super:*, or change the email or the scopes of somebody who has more than user:*.

A file's numbers may be another system's: its row for number 1 must not make a stranger of the administrator.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from webapp.auth.scopes import ALL, USER_SCOPES

NEVER_GIVEN = (
    f"scopes: An import never gives {ALL}. Remove it here, and give it on the employee's page or with create-user"
)

Person = Mapping[str, Any] | sqlite3.Row


def objection(row: Person, found: Person | None) -> str | None:
    """Return why a row may not be written, None where it may.

    Args:
        row: the row of the draft; its scopes are None where they stay.
        found: the number, email, names and scopes of the employee who has this number, if there is one.
    """
    given = None if row["scopes"] is None else set(row["scopes"].split())
    has = set(found["scopes"].split()) if found is not None else set()
    if found is None or has <= set(USER_SCOPES):
        return NEVER_GIVEN if given is not None and ALL in given else None
    others = {"email": row["email"] != found["email"], "scopes": given not in (None, has)}
    changed = " and the ".join(name for name, is_other in others.items() if is_other)
    return refusal(row, found, changed) if changed else None


def refusal(row: Person, found: Person, changed: str) -> str:
    """Return the sentence that names the employee who is there and the one in the file."""
    return (
        f"emp_no: Employee {found['emp_no']} is {name_of(found)}, who has more than user:*, and in this row is "
        f"{name_of(row)}. An import does not change the {changed} of such an employee. "
        "Correct the number, or make the change on the employee's page"
    )


def name_of(person: Person) -> str:
    """Return somebody's name and email."""
    return f"{person['first_name']} {person['last_name']} ({person['email']})"
