"""The audit log: who changed what of whom, when and from where (ASVS 16.2.1); rows are only ever added."""

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import insert
from starlette.requests import Request

from webapp import clock
from webapp.clients import Client, address_of, client_of
from webapp.database import database
from webapp.tables import audit

# What details may tell of; there is no place for a password, a hash, a token or a link (ASVS 16.2.5).
DETAILS = frozenset(
    {
        *("email", "first_name", "last_name", "birth_date", "gender", "hire_date", "scopes", "is_active"),
        *("count", "name", "why", "good_for_seconds", "source", "added", "changed"),
    }
)


class Action(StrEnum):
    """What can be done to an employee, in the words that people read."""

    CREATED = "created"
    EDITED = "edited"
    SCOPES_CHANGED = "scopes changed"
    DEACTIVATED = "deactivated"
    ACTIVATED = "activated"
    PASSWORD_CHANGED = "password changed"  # noqa: S105  words only
    PASSWORD_SET_BY_LINK = "password set with a link"  # noqa: S105  words only
    LINK_MADE = "password link made"
    LINK_MAILED = "password link mailed"
    SIGN_IN_ENDED = "sign-in ended by an administrator"
    SIGN_INS_ENDED = "all sign-ins ended by an administrator"
    IMPORTED = "imported"
    CHANGED_BY_IMPORT = "changed by an import"
    FIRST_ADMINISTRATOR = "first administrator set up"


class How(StrEnum):
    """By what way somebody acts."""

    PAGE = "page"
    API = "API"
    COMMAND = "command line"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Attributes:
        emp_no: their number; None for a command and for somebody who is not logged in.
        how: by what way.
        address: the client's address; of a command, the name of the system's user who runs it.
    """

    emp_no: int | None
    how: How
    address: str

    @classmethod
    def of(cls, request: Request) -> "Actor":
        """Return who sends a request."""
        how = How.API if client_of(request) is Client.JSON else How.PAGE
        return cls(getattr(request.scope.get("user"), "emp_no", None), how, address_of(request))

    @classmethod
    def of_command(cls) -> "Actor":
        """Return who runs a command."""
        try:
            name = getpass.getuser()
        except (OSError, KeyError):  # the system knows no name for this user
            name = ""
        return cls(None, How.COMMAND, name[:45])


async def note(actor: Actor, action: Action, emp_no: int | None, details: Mapping[str, Any] | None = None) -> None:
    """Write down what is done, in the transaction that does it.

    Args:
        actor: who does it.
        action: what.
        emp_no: to whom; None where it is nobody alone.
        details: more about it; of what changes, {field: [old, new]}.

    Raises:
        ValueError: the details name something that has no place in the log.
    """
    await database.execute(insert(audit).values(row_of(actor, action, emp_no, details or {})))


def row_of(actor: Actor, action: Action, emp_no: int | None, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of the audit log; as `note`."""
    if not details.keys() <= DETAILS:
        raise ValueError(f"the audit log has no place for {sorted(details.keys() - DETAILS)}")
    return {
        "made": clock.now(),
        "actor": actor.emp_no,
        "how": actor.how.value,
        "address": actor.address,
        "action": action.value,
        "emp_no": emp_no,
        "details": orjson.dumps(dict(details)).decode(),
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any], fields: Iterable[str]) -> dict[str, list[Any]]:
    """Return which of the fields have changed, as details: {field: [old, new]}."""
    return {field: [before[field], after[field]] for field in fields if before[field] != after[field]}
