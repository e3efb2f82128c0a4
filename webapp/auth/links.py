"""One-time links with which somebody sets a password, made without keeping anything: signed, and dead once used."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select, update

from webapp import audit, clock, settings
from webapp.auth import passwords
from webapp.auth.keys import PREVIOUS_KEYS, SIGNING_KEY
from webapp.auth.scopes import closure, within
from webapp.database import database
from webapp.employees import Employee, employee_from
from webapp.tables import employees

PATH = "/auth/link"
LONGEST = 500
# Who has made a link that no administrator made: the command line, or the employee who had forgotten their password.
COMMAND, FORGOT = "command", "forgot"

tokens = URLSafeSerializer(
    [*PREVIOUS_KEYS, SIGNING_KEY], salt="latchkey.password-link", signer_kwargs={"digest_method": hashlib.sha256}
)


class LinkNotGood(Exception):
    """A link that is not ours, has been used, is too old, or whose employee or maker may no longer have it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A new link: its address, and for how many seconds it is good."""

    address: str
    expires_in: int


async def make(employee: Employee, made_by: audit.Actor, action: audit.Action = audit.Action.LINK_MADE) -> Link:
    """Return a new link with which an employee sets a password once, and note who made it.

    It is good until the employee's password, email or scopes change, and as long as its maker may still make it
    (ASVS 6.4.1, 6.5.1): a maker must not log in with it as somebody who has more scopes by now, nor after having left
    the company.

    Raises:
        LinkNotGood: the employee may not log in, or must not be mailed a link yet.
    """
    is_mailed = action is audit.Action.LINK_MAILED
    async with database.transaction():
        row = await database.fetch_one(select(employees).where(employees.c.emp_no == employee.emp_no))
        if row is None or not row["is_active"] or (is_mailed and row["awaits_invitation"]):
            raise LinkNotGood
        seconds = lifetime_of(row, is_mailed=is_mailed)
        await audit.note(made_by, action, employee.emp_no, {"good_for_seconds": seconds})
        if row["awaits_invitation"]:
            invited = update(employees).where(employees.c.emp_no == employee.emp_no).values(awaits_invitation=False)
            await database.execute(invited)
    maker = FORGOT if is_mailed else COMMAND if made_by.how is audit.How.COMMAND else made_by.emp_no
    token = tokens.dumps([employee.emp_no, int(clock.now()) + seconds, mark_of(row), maker])
    return Link(f"{site()}{PATH}?token={token}", seconds)


def lifetime_of(row: Any, *, is_mailed: bool) -> int:
    """Return for how many seconds a link for the employee of a row is good (ASVS 6.5.4, 6.5.5)."""
    if is_mailed:
        return settings.MAILED_LINK_SECONDS
    return settings.LINK_MAX_SECONDS if passwords.is_usable(row["password_hash"]) else settings.INVITATION_SECONDS


def in_words(seconds: int) -> str:
    """Return a link's lifetime for people."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds // 60} minutes" if seconds >= 120 else "a minute"


def site() -> str:
    """Return the address at which people open this site."""
    return settings.PUBLIC_URL or local(settings.HOST, settings.PORT)


def local(host: str, port: int) -> str:
    """Return the address that a browser on this machine opens, where the server listens on a host and a port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  it is only read here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def mark_of(row: Any) -> str:
    """Return a fingerprint of an employee's email, scopes and hash: the link dies when any of them changes."""
    what = "\0".join(("latchkey link", row["email"], row["scopes"], row["password_hash"]))
    return hashlib.sha256(what.encode()).hexdigest()[:32]


async def read(token: str, *, lock: bool = False) -> tuple[Employee, str]:
    """Return the employee of a link that is good, and their hash; the link stays good.

    Args:
        token: what the link's address carries.
        lock: keep all that the link depends on as it is, the employee and its maker, until the caller's transaction
            ends; with this a link is used (ASVS 2.3.3, 2.3.4).

    Raises:
        LinkNotGood: it is not.
    """
    try:
        emp_no, ends, mark, maker = tokens.loads(token if len(token) <= LONGEST else "")
    except (BadData, ValueError):  # ValueError: an older version of Latchkey has signed it
        raise LinkNotGood from None
    numbers = {number for number in (emp_no, maker) if isinstance(number, int)}
    query = select(employees).where(employees.c.emp_no.in_(numbers)).order_by(employees.c.emp_no)
    rows = {row["emp_no"]: row for row in await database.fetch_all(query.with_for_update() if lock else query)}
    row = rows.get(emp_no)
    if row is None or not row["is_active"] or clock.now() >= ends or not hmac.compare_digest(mark, mark_of(row)):
        raise LinkNotGood
    employee = employee_from(row._mapping)
    if not may_make(maker, employee, rows):
        raise LinkNotGood
    return employee, row["password_hash"]


def may_make(maker: Any, employee: Employee, rows: Mapping[int, Any]) -> bool:
    """Return whether the maker of a link is active and may still change its employee (ASVS 8.2.1)."""
    if maker in (COMMAND, FORGOT):
        return True
    row = rows.get(maker)
    if row is None or not row["is_active"]:
        return False
    scopes = row["scopes"].split()
    return "admin:write" in closure(scopes) and within(employee.scopes, scopes)
