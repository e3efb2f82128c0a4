"""Read the audit log, in words, for the page, for JSON and for the command."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from webapp.audit import Action, How
from webapp.database import database
from webapp.tables import audit, employees

FIELDS = {
    "email": "Email",
    "first_name": "First name",
    "last_name": "Last name",
    "birth_date": "Birth date",
    "gender": "Gender",
    "hire_date": "Hire date",
    "scopes": "Scopes",
    "is_active": "Active",
    "good_for_seconds": "Good for, in seconds",
}
WAYS = {How.PAGE: "on a page", How.API: "through the API", How.COMMAND: "on the command line"}

# Of these actions, the details are {field: [old, new]}.
CHANGES = {Action.EDITED, Action.SCOPES_CHANGED, Action.CHANGED_BY_IMPORT, Action.FIRST_ADMINISTRATOR}

by, of = employees.alias("by"), employees.alias("of")
ENTRIES = (
    select(
        audit,
        by.c.first_name.label("by_first_name"),
        by.c.last_name.label("by_last_name"),
        of.c.first_name,
        of.c.last_name,
    )
    .select_from(
        audit.outerjoin(by, by.c.emp_no == audit.c.actor).outerjoin(of, of.c.emp_no == audit.c.emp_no),
    )
    .order_by(audit.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit log.

    Attributes:
        id: greater than those of all entries before.
        when: the time in ISO 8601, UTC.
        actor: the number and the name of who did it; None where nobody was logged in.
        how: by what way, as `audit.How` has it.
        address: the client's address; of a command, the system's user.
        action: what was done, as `audit.Action` has it.
        emp_no: to whom; None where it is nobody alone.
        name: their name.
        details: more about it; of what has changed, {field: [old, new]}.
    """

    id: int
    when: str
    actor: dict[str, Any] | None
    how: str
    address: str
    action: str
    emp_no: int | None
    name: str | None
    details: dict[str, Any]

    @property
    def who(self) -> str:
        """Return who did it, and from where."""
        if self.actor:
            name = f"{self.actor['name']} ({self.actor['emp_no']})"
        else:
            name = "Somebody" if self.how == How.COMMAND else "Somebody who was not logged in"
        place = f"as {self.address}" if self.how == How.COMMAND else f"from {self.address}"
        return f"{name} {WAYS[How(self.how)]}{f' {place}' if self.address else ''}"

    @property
    def changes(self) -> list[str]:
        """Return the details, each in words."""
        given = {field: value for field, value in self.details.items() if value is not None}
        return [f"{FIELDS.get(field, field.capitalize())}: {self.in_words(value)}" for field, value in given.items()]

    def in_words(self, value: Any) -> str:
        """Return the value of a detail in words."""
        if self.action in CHANGES and isinstance(value, list) and len(value) == 2:
            return f"{shown(value[0])} → {shown(value[1])}"
        return shown(value)


def shown(value: Any) -> str:
    """Return a value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str("" if value is None else value)
    return text or "nothing"


async def entries(which: ColumnElement[bool], most: int) -> list[Entry]:
    """Return the newest entries that a condition names, the newest first, and no more than `most`."""
    return [entry_from(row._mapping) for row in await database.fetch_all(ENTRIES.where(which).limit(most))]


def entry_from(row: Mapping[str, Any]) -> Entry:
    """Return the entry of a row."""
    by_name = f"{row['by_first_name']} {row['by_last_name']}" if row["by_first_name"] else "Unknown"
    return Entry(
        id=row["id"],
        when=datetime.fromtimestamp(int(row["made"]), UTC).isoformat().replace("+00:00", "Z"),
        actor=None if row["actor"] is None else {"emp_no": row["actor"], "name": by_name},
        how=row["how"],
        address=row["address"],
        action=row["action"],
        emp_no=row["emp_no"],
        name=f"{row['first_name']} {row['last_name']}" if row["first_name"] else None,
        details=json.loads(row["details"]),
    )
