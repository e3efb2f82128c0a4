"""One-time links with which somebody sets a password, made without keeping anything: signed, and dead once used."""

import hashlib
import hmac
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select

from webapp import audit, clock, settings
from webapp.auth.keys import PREVIOUS_KEYS, SIGNING_KEY
from webapp.database import database
from webapp.employees import Employee, employee_from
from webapp.tables import employees

PATH = "/auth/link"
LONGEST = 500

tokens = URLSafeSerializer(
    [*PREVIOUS_KEYS, SIGNING_KEY], salt="latchkey.password-link", signer_kwargs={"digest_method": hashlib.sha256}
)


class LinkNotGood(Exception):
    """A link that is not ours, has been used, is too old, or whose employee may not come in."""


async def make(employee: Employee, made_by: audit.Actor, action: audit.Action = audit.Action.LINK_MADE) -> str:
    """Return the address of a new link with which an employee sets a password once, and note who made it.

    It is good for LINK_MAX_SECONDS, and until the employee's password, email or scopes are others (ASVS 6.4.1, 6.5.1):
    who made it for somebody who could do little must not come in as somebody who may do everything.

    Raises:
        LinkNotGood: the employee may not come in.
    """
    async with database.transaction():
        row = await database.fetch_one(select(employees).where(employees.c.emp_no == employee.emp_no))
        if row is None or not row["is_active"]:
            raise LinkNotGood
        await audit.note(made_by, action, employee.emp_no, {"good_for_seconds": settings.LINK_MAX_SECONDS})
    ends = int(clock.now()) + settings.LINK_MAX_SECONDS
    token = tokens.dumps([employee.emp_no, ends, mark_of(row)])
    return f"{site()}{PATH}?token={token}"


def lifetime() -> str:
    """Return how long a link is good, in words."""
    hours, rest = divmod(settings.LINK_MAX_SECONDS, 3600)
    if hours > 1 and rest == 0:
        return f"{hours} hours"
    minutes = settings.LINK_MAX_SECONDS // 60
    return f"{minutes} minutes" if minutes > 1 else "a minute"


def site() -> str:
    """Return the address at which people open this site."""
    return settings.PUBLIC_URL or local(settings.HOST, settings.PORT)


def local(host: str, port: int) -> str:
    """Return the address that a browser on this machine opens, where the server listens on a host and a port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  it is only read here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def mark_of(row: Any) -> str:
    """Return what a link's token tells of an employee's email, scopes and hash: that they are the same, and no more."""
    what = "\0".join(("latchkey link", row["email"], row["scopes"], row["password_hash"]))
    return hashlib.sha256(what.encode()).hexdigest()[:32]


async def read(token: str) -> tuple[Employee, str]:
    """Return the employee of a link that is good, and the hash that they have now; the link stays good.

    Raises:
        LinkNotGood: it is not.
    """
    try:
        emp_no, ends, mark = tokens.loads(token if len(token) <= LONGEST else "")
    except BadData:
        raise LinkNotGood from None
    row = await database.fetch_one(select(employees).where(employees.c.emp_no == emp_no))
    if row is None or not row["is_active"] or clock.now() >= ends:
        raise LinkNotGood
    if not hmac.compare_digest(mark, mark_of(row)):
        raise LinkNotGood
    return employee_from(row._mapping), row["password_hash"]
