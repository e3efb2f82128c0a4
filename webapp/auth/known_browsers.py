"""The browsers in which somebody has logged in before, so that no stranger's guesses keep them out of these.

The threat is the lock-out: a stranger who knows an email can fail with it from many addresses until its owner waits,
too (ASVS 6.1.1). One cookie with a random id for each account makes such a browser a separate client, which is counted
apart (OWASP's device cookies). It is no credential: a thief of it gets five guesses, as anybody does.
"""

import hashlib
import re
import secrets

from sqlalchemy import ColumnElement, delete, insert, select, update
from starlette.requests import HTTPConnection
from starlette.responses import Response

from webapp import clock, cookies, settings
from webapp.database import database
from webapp.normal_forms import normal_email
from webapp.tables import employees, known_browsers

COOKIE = "latchkey-browser"
MAX_ACCOUNTS = 5
# Of one employee; a program that logs in as a browser and keeps no cookies must not fill the table.
MAX_BROWSERS = 50
ONE_ID = r"[A-Za-z0-9_-]{22}"
IDS = re.compile(rf"{ONE_ID}(?:\.{ONE_ID}){{0,{MAX_ACCOUNTS - 1}}}")
MAX_LENGTH = MAX_ACCOUNTS * 23


def ids_in(conn: HTTPConnection) -> list[str]:
    """Return the ids in the browser's cookie, or cookies of that name; what is none of ours says nothing."""
    values = cookies.read_cookies(conn, cookies.prefixed(conn, COOKIE))
    whole = [value for value in values if len(value) <= MAX_LENGTH and IDS.fullmatch(value)]
    return list(dict.fromkeys(browser_id for value in whole for browser_id in value.split(".")))


def digest_of(browser_id: str) -> str:
    """Return the form in which an id is kept."""
    return hashlib.sha256(browser_id.encode()).hexdigest()


async def hash_for(conn: HTTPConnection, email: str) -> str | None:
    """Return the hash of the id by which the owner of an email is known in this browser, None where they are not."""
    ids = ids_in(conn)
    if not ids:
        return None
    theirs = employees.c.email == normal_email(email)
    known = select(known_browsers.c.id_hash).join_from(known_browsers, employees).where(living(ids), theirs)
    found: str | None = await database.fetch_val(known.order_by(known_browsers.c.id_hash).limit(1))
    return found


def living(ids: list[str]) -> ColumnElement[bool]:
    """Return the condition of the ids that are still known."""
    oldest = clock.now() - settings.KNOWN_BROWSER_DAYS * 86400
    return known_browsers.c.id_hash.in_([digest_of(one) for one in ids]) & (known_browsers.c.used > oldest)


async def remember(conn: HTTPConnection, emp_no: int) -> None:
    """Know this browser, in the transaction in which an employee logs in; `tell` then gives it its cookie.

    Only ids that were given for the same employee live on: one that somebody has planted here is worth nothing.
    """
    ids = ids_in(conn)
    rows = await database.fetch_all(select(known_browsers).where(living(ids))) if ids else []
    owners = {row["id_hash"]: row["emp_no"] for row in rows}
    mine = [one for one in ids if owners.get(digest_of(one)) == emp_no]
    others = [one for one in ids if owners.get(digest_of(one), emp_no) != emp_no]
    own_id = mine[0] if mine else secrets.token_urlsafe(16)
    if mine:
        this = known_browsers.c.id_hash == digest_of(own_id)
        await database.execute(update(known_browsers).where(this).values(used=clock.now()))
    else:
        await add(own_id, emp_no)
    await remove([digest_of(one) for one in others[MAX_ACCOUNTS - 1 :]])
    conn.state.known_browser = ".".join([own_id, *others[: MAX_ACCOUNTS - 1]])


async def add(browser_id: str, emp_no: int) -> None:
    """Know one more browser of an employee, and no longer those that they have used the longest ago."""
    row = insert(known_browsers).values(id_hash=digest_of(browser_id), emp_no=emp_no, used=clock.now())
    await database.execute(row)
    theirs = select(known_browsers.c.id_hash).where(known_browsers.c.emp_no == emp_no)
    too_many = theirs.order_by(known_browsers.c.used.desc()).limit(MAX_BROWSERS).offset(MAX_BROWSERS)
    await remove([row["id_hash"] for row in await database.fetch_all(too_many)])


async def remove(hashes: list[str]) -> None:
    """Know some browsers no longer."""
    if hashes:
        await database.execute(delete(known_browsers).where(known_browsers.c.id_hash.in_(hashes)))


async def forget(emp_no: int) -> None:
    """Know no browser of an employee any longer, in the transaction that changes their password or deactivates them."""
    await database.execute(delete(known_browsers).where(known_browsers.c.emp_no == emp_no))


def tell(response: Response, conn: HTTPConnection) -> None:
    """Give the browser its cookie, in the answer that logs somebody in."""
    told = getattr(conn.state, "known_browser", None)
    if told is not None:
        cookies.set_cookie(response, conn, COOKIE, told, settings.KNOWN_BROWSER_DAYS * 86400)
