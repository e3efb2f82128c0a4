"""Sign-ins: one for each time somebody proved who they are; a token lives no longer than its sign-in."""

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select, update
from starlette.requests import HTTPConnection

from webapp import clock, settings, user_agents
from webapp.auth import changes, known_browsers
from webapp.auth.held import SignIn, held
from webapp.auth.scopes import closure
from webapp.auth.tokens import Claims, create_token
from webapp.clients import address_of
from webapp.database import database
from webapp.employees import Employee, employee_from
from webapp.tables import employees, sign_ins

# How many an employee may have at once. A further login ends the longest unused session; a further token is refused.
MAX_SESSIONS = 50
MAX_TOKENS = 25
# A database may have more from before there was a limit.
MAX_ENDED_AT_ONCE = 1000


class SignInEnded(Exception):
    """The sign-in that asks for something has ended meanwhile, and this worker had not heard of it yet."""


class TooManyTokens(Exception):
    """The employee has as many personal access tokens as one may have."""


@dataclass(frozen=True, slots=True)
class Token:
    """A new token and for how many seconds it is good."""

    text: str
    expires_in: int


async def open_sign_in(
    employee: Employee,
    kind: str,
    conn: HTTPConnection,
    *,
    name: str | None = None,
    scopes: tuple[str, ...] | None = None,
    ends: float | None = None,
) -> SignIn:
    """Open a sign-in for the client of a connection, in a transaction that has locked the employee.

    Args:
        employee: who has proved who they are.
        kind: "browser", "api", or "token" for a personal access token.
        conn: the connection, for the address and the user agent.
        name: what a personal access token is called.
        scopes: what a personal access token may do at the most; None for all that the employee may.
        ends: when it ends at the latest, in seconds since 1970; None for SIGN_IN_MAX_SECONDS from now.

    Raises:
        TooManyTokens: it is a personal access token, and the employee has MAX_TOKENS.
    """
    if kind == "token":
        await refuse_too_many_tokens(employee.emp_no)
    else:
        await make_room(employee.emp_no)
    sid = secrets.token_urlsafe(16)
    now = clock.now()
    ends = now + settings.SIGN_IN_MAX_SECONDS if ends is None else ends
    await database.execute(
        insert(sign_ins).values(
            id=sid,
            emp_no=employee.emp_no,
            kind=kind,
            name=name,
            scopes=None if scopes is None else " ".join(scopes),
            opened=now,
            used=now,
            ends=ends,
            address=address_of(conn),
            user_agent=user_agent_of(conn),
        )
    )
    if kind == "browser":
        await known_browsers.remember(conn, employee.emp_no)
    return SignIn(sid, kind, employee, allowed(employee, scopes), ends, now)


async def refuse_too_many_tokens(emp_no: int) -> None:
    """Refuse a personal access token to an employee who has MAX_TOKENS.

    Raises:
        TooManyTokens: they have.
    """
    living = not_over(emp_no) & (sign_ins.c.kind == "token")
    if await database.fetch_one(select(sign_ins.c.id).where(living).limit(1).offset(MAX_TOKENS - 1)) is not None:
        raise TooManyTokens


async def make_room(emp_no: int) -> None:
    """End the longest unused of an employee's sessions, where there are MAX_SESSIONS or more."""
    living = not_over(emp_no) & (sign_ins.c.kind != "token")
    latest_first = select(sign_ins.c.id).where(living).order_by(sign_ins.c.used.desc(), sign_ins.c.id)
    too_many = await database.fetch_all(latest_first.limit(MAX_ENDED_AT_ONCE).offset(MAX_SESSIONS - 1))
    if too_many:
        ids = [row["id"] for row in too_many]
        await mark_ended(sign_ins.c.id.in_(ids), f"more than {MAX_SESSIONS} sessions")
        for sid in ids:
            changes.drop(sid=sid)


def not_over(emp_no: int) -> ColumnElement[bool]:
    """Return the condition of an employee's sign-ins that have neither been ended nor reached their end."""
    return (sign_ins.c.emp_no == emp_no) & sign_ins.c.ended.is_(None) & (sign_ins.c.ends > clock.now())


def user_agent_of(conn: HTTPConnection) -> str:
    """Return what the client calls itself."""
    return user_agents.kept(conn.headers.get("user-agent", ""))


def allowed(employee: Employee, scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the scopes of a sign-in, with all that they include: never more than the employee has now."""
    has, chosen = closure(employee.scopes), None if scopes is None else closure(scopes)
    return ("authenticated", *(scope for scope in has if chosen is None or scope in chosen))


def token_for(sign_in: SignIn, seconds: int = settings.ACCESS_TOKEN_EXPIRE_SECONDS) -> Token:
    """Return a new token for a sign-in, good for so many seconds, but never beyond the sign-in's own end."""
    now = int(clock.now())
    expires = min(now + seconds, int(sign_in.ends))
    return Token(create_token(sign_in.employee.emp_no, sign_in.id, sign_in.scopes[1:], expires), expires - now)


async def living(claims: Claims) -> SignIn | None:
    """Return the living sign-in that a token names, or None where it has ended or never was.

    Raises:
        Unavailable: where the worker does not know and cannot ask.
    """
    sign_in = held.find(claims.sid) or await load(claims.sid)
    if sign_in is None or claims.emp_no != sign_in.employee.emp_no or claims.expires > sign_in.ends:
        return None
    now = clock.now()
    if now >= sign_in.ends:
        return None
    sign_in.used = now
    return sign_in


async def load(sid: str) -> SignIn | None:
    """Return a sign-in from the database and hold it, unless it has ended or its employee may not come in."""
    drops_before = held.drops
    row = await database.fetch_one(
        select(employees, sign_ins.c.id, sign_ins.c.kind, sign_ins.c.scopes.label("own_scopes"), sign_ins.c.ends)
        .join_from(sign_ins, employees)
        .where(sign_ins.c.id == sid, *still_open())
    )
    if row is None:
        return None
    employee = employee_from(row._mapping)
    own_scopes = None if row["own_scopes"] is None else tuple(row["own_scopes"].split())
    sign_in = SignIn(row["id"], row["kind"], employee, allowed(employee, own_scopes), row["ends"], clock.now())
    held.keep(sign_in, drops_before)
    return sign_in


async def end(sid: str, why: str) -> None:
    """End a sign-in, whose tokens are refused from now on: here at once, elsewhere within a second (ASVS 7.4.1)."""
    await end_where(sign_ins.c.id == sid, why)


async def end_where(which: ColumnElement[bool], why: str, *, asked_by: str | None = None) -> int:
    """End every sign-in that a condition names, all or none, and return how many.

    Raises:
        SignInEnded: the sign-in that asks for it has itself ended.
    """
    async with database.transaction():
        if asked_by is not None:
            await ensure_living(asked_by)
        ended = await mark_ended(which, why)
    for sid in ended:
        changes.drop(sid=sid)
    return len(ended)


async def ensure_living(sid: str) -> None:
    """Ask the database itself for a sign-in, which then does not end before the transaction does.

    Raises:
        SignInEnded: it has ended, or its employee may no longer come in.
    """
    lives = select(sign_ins.c.id).join_from(sign_ins, employees).where(sign_ins.c.id == sid, *still_open())
    if await database.fetch_one(lives.with_for_update(read=True)) is None:
        raise SignInEnded


def still_open() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions of a sign-in that has not been ended and whose employee may come in."""
    return sign_ins.c.ended.is_(None), employees.c.is_active.is_(True)


async def mark_ended(which: ColumnElement[bool], why: str) -> list[str]:
    """Write down in the transaction that is open that sign-ins have ended, and return their ids."""
    now = clock.now()
    end_them = update(sign_ins).where(which, sign_ins.c.ended.is_(None)).values(ended=now, ended_why=why)
    ended = await database.change(end_them, sign_ins.c.id)
    await changes.record_ended((sign_ins.c.ended == now) & (sign_ins.c.ended_why == why))
    return ended
