"""Changes to an employee that their living sign-ins must feel."""

from typing import Any

from sqlalchemy import update
from starlette.requests import Request

from webapp import audit, clock
from webapp.auth import changes, known_browsers, links, signins
from webapp.auth.held import SignIn
from webapp.database import database
from webapp.employees import Employee, may_log_in
from webapp.tables import employees, sign_ins


async def replace_password(
    request: Request,
    employee: Employee,
    hashes: tuple[str, str],
    *,
    kind: str,
    action: audit.Action,
    asked_by: str | None = None,
    link: str | None = None,
) -> SignIn | None:
    """Replace an employee's password, end all their sign-ins, and return a new one for who asks: all or nothing.

    None is returned where the password or the account has changed meanwhile (ASVS 7.2.4, 7.4.3).

    Args:
        hashes: the one that was looked at, and the one that is to be.
        kind: of the new sign-in, as `open_sign_in` has it.
        action: how the audit log calls it.
        asked_by: the sign-in that asks for it, if it is one.
        link: the token of the link with which it is asked for, if it is one.

    Raises:
        SignInEnded: the sign-in that asks for it has itself ended.
        LinkNotGood: the link is no longer good.
    """
    old_hash, new_hash = hashes
    as_it_was = may_log_in(employee.emp_no, old_hash)
    replaced = update(employees).where(as_it_was).values(password_hash=new_hash, changed=clock.now())
    async with database.transaction():
        # First of all: who comes second waits here, and no login with the old password can come between.
        if link is not None:
            await links.read(link, lock=True)
        if not await database.change(replaced, employees.c.emp_no):
            return None
        if asked_by is not None:
            await signins.ensure_living(asked_by)
        await signins.mark_ended(sign_ins.c.emp_no == employee.emp_no, "password changed")
        await known_browsers.forget(employee.emp_no)
        await changes.record_employee(employee.emp_no)
        await audit.note(audit.Actor.of(request), action, employee.emp_no)
        sign_in = await signins.open_sign_in(employee, kind, request)
    changes.drop(emp_no=employee.emp_no)
    return sign_in


async def change_profile(emp_no: int, said: dict[str, str | None], *, asked_by: str) -> None:
    """Change what an employee says of themselves, as long as the sign-in that asks for it lives."""
    await change(emp_no, asked_by=asked_by, **said)


async def change(emp_no: int, *, end_because: str | None = None, asked_by: str | None = None, **values: Any) -> None:
    """Change an employee, end their sign-ins where there is a reason, and let every worker hear: all or nothing.

    Raises:
        SignInEnded: the sign-in that asks for it has itself ended.
    """
    async with database.transaction():
        if asked_by is not None:
            await signins.ensure_living(asked_by)
        await database.execute(
            update(employees).where(employees.c.emp_no == emp_no).values(changed=clock.now(), **values)
        )
        if end_because:
            await signins.mark_ended(sign_ins.c.emp_no == emp_no, end_because)
        await changes.record_employee(emp_no)
    changes.drop(emp_no=emp_no)
