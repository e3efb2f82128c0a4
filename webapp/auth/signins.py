"""Sign-ins: one for each time somebody proved who they are; a token lives no longer than its sign-in."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from starlette.requests import HTTPConnection

from webapp import clock, settings
from webapp.auth.tokens import Claims, create_token
from webapp.database import database, employees, sign_ins
from webapp.employees import Employee, employee_from

SIGN_INS_HELD = 20_000


@dataclass(slots=True)
class SignIn:
    """A living sign-in and its employee, as a worker holds them."""

    id: str
    employee: Employee
    ends: float


@dataclass(frozen=True, slots=True)
class Token:
    """A new token and for how many seconds it is good."""

    text: str
    expires_in: int


held: OrderedDict[str, SignIn] = OrderedDict()


async def open_sign_in(employee: Employee, kind: str, conn: HTTPConnection) -> SignIn:
    """Open a sign-in of a kind ("browser" or "api") for the client of a connection."""
    sid = secrets.token_urlsafe(16)
    now = clock.now()
    ends = now + settings.SIGN_IN_MAX_SECONDS
    await database.execute(
        insert(sign_ins).values(
            id=sid,
            emp_no=employee.emp_no,
            kind=kind,
            opened=now,
            renewed=now,
            ends=ends,
            address=conn.client.host if conn.client else "",
            user_agent=conn.headers.get("user-agent", "")[:255],
        )
    )
    return SignIn(sid, employee, ends)


def token_for(sign_in: SignIn) -> Token:
    """Return a new token for a sign-in, never good beyond the sign-in's own end."""
    now = int(clock.now())
    expires = min(now + settings.ACCESS_TOKEN_EXPIRE_SECONDS, int(sign_in.ends))
    employee = sign_in.employee
    return Token(create_token(employee.emp_no, sign_in.id, employee.scopes, expires), expires - now)


async def living(claims: Claims) -> SignIn | None:
    """Return the living sign-in that a token names, or None where it has ended or never was."""
    sign_in = held.get(claims.sid)
    if sign_in is None:
        sign_in = await load(claims.sid)
        if sign_in is None:
            return None
        hold(sign_in)
    else:
        held.move_to_end(claims.sid)
    ours = claims.emp_no == sign_in.employee.emp_no and claims.expires <= sign_in.ends
    return sign_in if ours and clock.now() < sign_in.ends else None


async def load(sid: str) -> SignIn | None:
    """Return a sign-in from the database, unless it has ended or its employee may not come in."""
    row = await database.fetch_one(
        select(employees, sign_ins.c.id, sign_ins.c.ends)
        .join_from(sign_ins, employees)
        .where(sign_ins.c.id == sid, sign_ins.c.ended.is_(None), employees.c.is_active)
    )
    return None if row is None else SignIn(row["id"], employee_from(row._mapping), row["ends"])


def hold(sign_in: SignIn) -> None:
    """Remember a sign-in; the one that was not used for longest gives way."""
    held[sign_in.id] = sign_in
    if len(held) > SIGN_INS_HELD:
        held.popitem(last=False)


async def end(sid: str, why: str) -> None:
    """End a sign-in, whose tokens are refused from now on (ASVS 7.4.1)."""
    still_open = (sign_ins.c.id == sid) & sign_ins.c.ended.is_(None)
    await database.execute(update(sign_ins).where(still_open).values(ended=clock.now(), ended_why=why))
    held.pop(sid, None)
