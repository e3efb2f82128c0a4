"""Who may change whom, asked of the database just now: nobody changes somebody who may do more (ASVS 8.2.1, 8.2.3).

Rows are locked in the order of their numbers: nobody waits in a ring.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request

from webapp.answers import Refused
from webapp.auth import signins
from webapp.auth.scopes import USER_SCOPES, closure, within
from webapp.database import database
from webapp.employees import Employee, employee_from, lock_first
from webapp.tables import employees

MORE_THAN_YOU = "This employee may do more than you. Ask somebody who may do as much."
NOT_BY_A_TOKEN = "A personal access token cannot do this. Log in and do it yourself."  # noqa: S105  words only


class Changed(Exception):
    """Somebody has changed the employee since the version that was looked at; `now` is what they are."""

    def __init__(self, now: Employee) -> None:
        super().__init__(now.emp_no)
        self.now = now


@dataclass(frozen=True, slots=True)
class Locked:
    """An employee whose row nobody else changes before the transaction ends, and what who asks may do."""

    employee: Employee
    words: str
    may: tuple[str, ...]


def forbidden(sentence: str) -> Refused:
    """Return the refusal of something that needs more scopes (RFC 6750 3.1)."""
    return Refused(
        sentence, "insufficient_scope", status=403, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    )


def is_by_token(request: Request) -> bool:
    """Return whether a request comes with a personal access token."""
    return request.auth.sign_in is not None and request.auth.sign_in.kind == "token"


def refuse_personal_tokens(request: Request) -> None:
    """Refuse a personal access token, which must neither become nor make a way in (ASVS 7.5.1, 8.2.1)."""
    if is_by_token(request):
        raise forbidden(NOT_BY_A_TOKEN)


def ensure_may_lock_out(request: Request, employee: Employee) -> None:
    """Refuse a personal access token that would lock out or log out somebody who has more than the `user:` scopes."""
    if not within(employee.scopes, USER_SCOPES):
        refuse_personal_tokens(request)


def ensure_no_more(employee: Employee, may: Iterable[str]) -> None:
    """Refuse to change an employee who may do more than who asks."""
    if not within(employee.scopes, may):
        raise forbidden(MORE_THAN_YOU)


async def locked(request: Request, emp_no: int, *, first: bool = False, version: int | None = None) -> Locked:
    """Lock an employee and who asks, and return the employee, if they may be changed; in the caller's transaction.

    Args:
        first: lock the first employee of all before, which lets no other such transaction go on meanwhile.
        version: the one that was looked at, None for any.

    Raises:
        SignInEnded: the sign-in that asks has ended meanwhile.
        HTTPException: 404 where there is no such employee, 403 where they may do more than who asks, or own the token
            that asks.
        Changed: the employee has another version.
    """
    if first:
        await lock_first()
    rows, may = await locked_rows(request, emp_no)
    if emp_no not in rows:
        raise HTTPException(404)
    employee = employee_from(rows[emp_no]._mapping)
    if emp_no == request.user.emp_no:
        refuse_personal_tokens(request)
    ensure_no_more(employee, may)
    if version is not None and version != employee.version:
        raise Changed(employee)
    return Locked(employee, rows[emp_no]["words"], may)


async def locked_rows(request: Request, *numbers: int) -> tuple[dict[int, Any], tuple[str, ...]]:
    """Lock who asks and others, and return their rows by their numbers, and what who asks may do just now.

    Raises:
        SignInEnded: the sign-in that asks has ended meanwhile.
        HTTPException: 403 where who asks may no longer change anybody.
    """
    them = employees.c.emp_no.in_({request.user.emp_no, *numbers})
    query = select(employees).where(them).order_by(employees.c.emp_no).with_for_update()
    rows = {row["emp_no"]: row for row in await database.fetch_all(query)}
    await signins.ensure_living(request.auth.sign_in.id)
    asks = employee_from(rows[request.user.emp_no]._mapping)
    may = tuple(scope for scope in closure(asks.scopes) if scope in request.auth.scopes)
    if "admin:write" not in may:
        raise HTTPException(403)
    return rows, may
