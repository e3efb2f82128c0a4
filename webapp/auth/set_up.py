"""The first administrator: made with a token that a start prints, while no administrator can log in."""

import hashlib
import secrets
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from starlette.requests import Request

from webapp import audit, clock, settings
from webapp import employees as staff
from webapp.auth import administration, changes, known_browsers, signins
from webapp.auth.authority import Locked
from webapp.auth.held import SignIn
from webapp.auth.scopes import SCOPES
from webapp.database import database
from webapp.employees import employee_from
from webapp.normal_forms import normal_email
from webapp.tables import employees, set_up_tokens, sign_ins

PATH = "/auth/set-up"


class SetUpOver(Exception):
    """An administrator can log in, or the token is not of this database, used or too old."""


def digest_of(token: str) -> str:
    """Return the form in which a token is kept (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode()).hexdigest()


async def new_token() -> str:
    """Return a new token of 256 bits that this database alone knows, good for LINK_MAX_SECONDS (ASVS 6.4.1, 6.5.4)."""
    token = secrets.token_urlsafe(32)
    # Each by itself: together, those of two programs that start at once would wait for each other on MariaDB.
    await database.execute(delete(set_up_tokens).where(set_up_tokens.c.made <= oldest()))
    await database.execute(insert(set_up_tokens).values(token_hash=digest_of(token), made=clock.now(), used=None))
    return token


def oldest() -> float:
    """Return when the oldest token that is still good was made."""
    return clock.now() - settings.LINK_MAX_SECONDS


def still_good() -> ColumnElement[bool]:
    """Return the condition of a token that is neither used nor too old."""
    return set_up_tokens.c.used.is_(None) & (set_up_tokens.c.made > oldest())


async def ensure_open(token: str) -> None:
    """Make sure that the first administrator may be made with a token.

    Raises:
        SetUpOver: they may not.
    """
    this = select(set_up_tokens.c.made).where(set_up_tokens.c.token_hash == digest_of(token), still_good())
    if await database.fetch_one(this) is None or await staff.somebody_rules():
        raise SetUpOver


async def claim(token: str) -> bool:
    """Use up every token there is, and return whether the first administrator may be made with this one.

    To be called first of all in the transaction that makes them: whatever token somebody else has, they wait here, and
    then find theirs used.
    """
    use_all = update(set_up_tokens).where(still_good()).values(used=clock.now())
    claimed = await database.change(use_all, set_up_tokens.c.token_hash)
    return digest_of(token) in claimed and not await staff.somebody_rules()


async def make_first(request: Request, token: str, kind: str, **details: Any) -> SignIn:
    """Make the first administrator, who may do everything, and return their sign-in: all or nothing, for one alone.

    Somebody who is an employee already becomes the administrator: only people who run this server have the token.

    Args:
        kind: of the sign-in, as `open_sign_in` has it.
        details: their email, names and hash.

    Raises:
        SetUpOver: somebody else was quicker, or the token is not good.
        Duplicate: somebody has added an employee of that email meanwhile.
    """
    async with database.transaction():
        if not await claim(token):
            raise SetUpOver
        noted = await promote(**details)
        if noted is None:
            await staff.create(scopes=SCOPES, is_first_administrator=True, **details)
        found = await staff.with_email(details["email"])
        assert found is not None
        administrator = found[0]
        await audit.note(audit.Actor.of(request), audit.Action.FIRST_ADMINISTRATOR, administrator.emp_no, noted)
        sign_in = await signins.open_sign_in(administrator, kind, request)
    changes.drop(emp_no=administrator.emp_no)
    return sign_in


async def promote(email: str, **details: Any) -> dict[str, Any] | None:
    """Make the employee of an email the administrator, under the number that they have, and end their sign-ins.

    What has changed is returned, for the audit log; None where there is no such employee.
    """
    query = select(employees).where(employees.c.email == normal_email(email)).with_for_update()
    row = await database.fetch_one(query)
    if row is None:
        return None
    employee = employee_from(row._mapping)
    after = {**details, "scopes": " ".join(SCOPES), "is_active": True, "awaits_invitation": False}
    await administration.write_details(Locked(employee, row["words"], SCOPES), after)
    await signins.mark_ended(sign_ins.c.emp_no == employee.emp_no, "password changed")
    await known_browsers.forget(employee.emp_no)
    told = ("first_name", "last_name", "scopes", "is_active")
    return audit.differences({**row._mapping, "is_active": employee.is_active}, after, told)
