"""What administrators do to employees: each in one transaction that asks the database what they may do just now.

Nobody gives what they do not have, and an administrator with super:* who can log in always remains (ASVS 8.2.1, 8.2.3).
A personal access token changes nobody's email or scopes, activates nobody and makes no link.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, update
from starlette.requests import Request

from webapp import audit, clock, search
from webapp import employees as staff
from webapp.answers import Refused
from webapp.audit import Action, Actor
from webapp.auth import changes, known_browsers, links, passwords, signins
from webapp.auth.authority import (
    Changed,
    Locked,
    ensure_may_lock_out,
    forbidden,
    is_by_token,
    locked,
    locked_rows,
    refuse_personal_tokens,
)
from webapp.auth.links import Link
from webapp.auth.scopes import ALL, USER_SCOPES, within
from webapp.database import database
from webapp.employees import Employee
from webapp.tables import employees, sign_ins

NOT_YOURS_TO_GIVE = "You can only give what you may do yourself. Ask somebody who may do more."
NOT_YOURSELF = "You cannot deactivate yourself. Ask another administrator."
LAST_ONE = (
    "This is the last administrator with super:* who can log in. Give super:* to another active employee, "
    "who has a password, first."
)


async def create(request: Request, details: Mapping[str, Any]) -> int:
    """Add an employee who has no password yet, and return their number.

    Raises:
        Duplicate: somebody else has this email.
    """
    async with database.transaction():
        _, may = await locked_rows(request)
        scopes = tuple(scope for scope in USER_SCOPES if scope in may)
        emp_no = await staff.create(
            password_hash=passwords.UNUSABLE, scopes=scopes, awaits_invitation=is_by_token(request), **details
        )
        await audit.note(Actor.of(request), Action.CREATED, emp_no, {**details, "scopes": scopes})
    return emp_no


async def edit(request: Request, emp_no: int, version: int | None, details: Mapping[str, Any]) -> Employee:
    """Change some details of an employee, and return them as they are now.

    Raises:
        Changed: the employee has another version, and other details than these.
        Duplicate: somebody else has this email.
    """
    async with database.transaction():
        found = await locked(request, emp_no)
        before = {name: getattr(found.employee, name) for name in details}
        different = audit.differences(before, details, details)
        if "email" in different:
            refuse_personal_tokens(request)
        if different and version not in (None, found.employee.version):
            raise Changed(found.employee)
        if different:
            await write_details(found, details)
            await audit.note(Actor.of(request), Action.EDITED, emp_no, different)
        now = await staff.with_number(emp_no)
        assert now is not None
    changes.drop(emp_no=emp_no)
    return now


async def write_details(found: Locked, details: Mapping[str, Any]) -> None:
    """Write down other details, and the words by which the employee is found, in the caller's transaction."""
    emp_no = found.employee.emp_no
    after = {name: details.get(name, getattr(found.employee, name)) for name in ("first_name", "last_name", "email")}
    hire_date = details.get("hire_date", found.employee.hire_date)
    words = search.words_of(**after)
    await write(emp_no, words=words, **details)
    await search.remove_words(emp_no, found.words)
    await search.add_words(emp_no, words, hire_date)


async def write(emp_no: int, **values: Any) -> None:
    """Give an employee other values and the next version, and let every worker hear, in the caller's transaction."""
    values = {**values, "changed": clock.now(), "version": employees.c.version + 1}
    await database.execute(update(employees).where(employees.c.emp_no == emp_no).values(**values))
    await changes.record_employee(emp_no)


async def change_scopes(request: Request, emp_no: int, version: int | None, scopes: tuple[str, ...]) -> None:
    """Change what an employee may do, from their next request on (ASVS 8.3.2)."""
    async with database.transaction():
        found = await locked(request, emp_no, first=True, version=version)
        if not within(scopes, found.may):
            raise forbidden(NOT_YOURS_TO_GIVE)
        if ALL not in scopes:
            await ensure_one_remains(found.employee)
        if set(scopes) != set(found.employee.scopes):
            refuse_personal_tokens(request)
            await write(emp_no, scopes=" ".join(scopes))
            details = {"scopes": [found.employee.scopes, scopes]}
            await audit.note(Actor.of(request), Action.SCOPES_CHANGED, emp_no, details)
    changes.drop(emp_no=emp_no)


async def ensure_one_remains(employee: Employee) -> None:
    """Make sure that super:* remains without this employee, in a transaction that has locked the first."""
    if not employee.is_active or ALL not in employee.scopes:
        return
    if not await staff.somebody_rules(besides=employee.emp_no):
        raise Refused(LAST_ONE, "conflict", status=409)


async def set_active(request: Request, emp_no: int, is_active: bool) -> None:
    """Let an employee in again; or no longer, which ends all their sign-ins at once (ASVS 7.4.2)."""
    if is_active:
        refuse_personal_tokens(request)
    async with database.transaction():
        found = await locked(request, emp_no, first=True)
        if not is_active:
            ensure_may_lock_out(request, found.employee)
            if emp_no == request.user.emp_no:
                raise Refused(NOT_YOURSELF, "conflict", status=409)
            await ensure_one_remains(found.employee)
            await signins.mark_ended(sign_ins.c.emp_no == emp_no, "account deactivated")
            await known_browsers.forget(emp_no)
        if is_active != found.employee.is_active:
            await write(emp_no, is_active=is_active)
            await audit.note(Actor.of(request), Action.ACTIVATED if is_active else Action.DEACTIVATED, emp_no)
    changes.drop(emp_no=emp_no)


async def password_link(request: Request, emp_no: int) -> Link:
    """Return a new one-time link with which an employee sets a password.

    Raises:
        LinkNotGood: the employee may not come in.
    """
    refuse_personal_tokens(request)
    async with database.transaction():
        found = await locked(request, emp_no)
        return await links.make(found.employee, Actor.of(request))


async def end_sign_ins(request: Request, emp_no: int, which: ColumnElement[bool], action: Action) -> int:
    """End those of an employee's sign-ins that a condition names, and return how many."""
    async with database.transaction():
        ensure_may_lock_out(request, (await locked(request, emp_no)).employee)
        ended = await signins.mark_ended((sign_ins.c.emp_no == emp_no) & which, "ended by an administrator")
        if ended:
            await audit.note(Actor.of(request), action, emp_no, {"count": len(ended)})
    for sid in ended:
        changes.drop(sid=sid)
    return len(ended)
