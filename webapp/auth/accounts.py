"""Changes to an employee that their living sign-ins must feel."""

from typing import Any

from sqlalchemy import update

from webapp import clock
from webapp.auth import changes, signins
from webapp.database import database
from webapp.tables import employees, sign_ins


async def change_password(emp_no: int, password_hash: str) -> None:
    """Give an employee a new password, which ends all their sign-ins (ASVS 7.4.3)."""
    await change(emp_no, end_because="password changed", password_hash=password_hash)


async def change_scopes(emp_no: int, scopes: tuple[str, ...]) -> None:
    """Change what an employee may do, from their next request on (ASVS 8.3.2)."""
    await change(emp_no, scopes=" ".join(scopes))


async def deactivate(emp_no: int) -> None:
    """Let an employee in no longer, and end all their sign-ins (ASVS 7.4.2)."""
    await change(emp_no, end_because="account deactivated", is_active=False)


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
