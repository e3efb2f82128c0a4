"""The log of attempts to log in: what an employee sees of them, and what the throttle counts (ASVS 16.3.1).

A password that is typed into the email field must not stay in clear: only an employee's email is kept.
What is counted are hashes, with a key that is not in the database; under a new SECRET_KEY all counts begin anew.
"""

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import select, update
from starlette.requests import Request

from webapp import clock
from webapp.addresses import address_key, address_space
from webapp.auth import known_browsers
from webapp.auth.keys import SIGNING_KEY
from webapp.auth.signins import user_agent_of
from webapp.clients import address_of
from webapp.database import database
from webapp.employees import Employee
from webapp.normal_forms import normal_email
from webapp.tables import attempts

PENDING, WRONG, LOGGED_IN, THROTTLED = "pending", "wrong", "logged in", "throttled"
CHANGED, BY_LINK, ASKED = "changed", "by link", "asked"
# After these the failures before are forgotten.
SUCCESSES = (LOGGED_IN, CHANGED, BY_LINK)
# Clocks of several machines differ; what is further ahead was written before a clock was put back.
AHEAD_SECONDS = 5
MAX_BROUGHT_BACK = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """What an attempt is counted by.

    Attributes:
        email_key: what attempts with one email have in common.
        address_key, address_space: see webapp/addresses.py.
        pair_key: the email with the address; in a browser in which its owner has logged in before, that browser.
        is_known: whether it comes from such a browser.
    """

    email_key: str
    address_key: str
    address_space: str
    pair_key: str
    is_known: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """What may have failed too often, so that the next attempt is refused."""
        of_strangers = (self.address_key, self.email_key, self.address_space)
        return (self.pair_key,) if self.is_known else (self.pair_key, *of_strangers)


async def source_of(request: Request, email: str) -> Source:
    """Return what an attempt with an email is counted by, after the same queries whether it has an account or not."""
    address, email_key = address_of(request), keyed_hash(normal_email(email))
    browser = await known_browsers.hash_for(request, email)
    pair_key = keyed_hash(email_key, address_key(address)) if browser is None else keyed_hash("browser", browser)
    return Source(email_key, address_key(address), address_space(address), pair_key, browser is not None)


def keyed_hash(*texts: str) -> str:
    """Return 128 bits that tell nothing of the texts to somebody without SECRET_KEY."""
    what = "\0".join(("latchkey attempt", *texts)).encode("utf-8", "surrogatepass")
    return hmac.new(SIGNING_KEY, what, hashlib.sha256).hexdigest()[:32]


async def record(request: Request, source: Source, employee: Employee | None, outcome: str = PENDING) -> int:
    """Write an attempt down and return its number; one that is to be judged, before it is.

    So a hundred at once count as a hundred.
    """
    row = {
        "made": clock.now(),
        "email": "" if employee is None else employee.email,
        "email_key": source.email_key,
        "emp_no": None if employee is None else employee.emp_no,
        "outcome": outcome,
        "address": address_of(request),
        "user_agent": user_agent_of(request),
        "address_key": source.address_key,
        "address_space": source.address_space,
        "pair_key": source.pair_key,
    }
    # What is judged counts those with lower numbers: of one email, none of them may turn up later.
    return await database.add_in_turn(attempts, row, attempts.c.id, turn=int(source.email_key[:15], 16))


async def mark(number: int, outcome: str) -> None:
    """Write down how an attempt has ended."""
    await database.execute(update(attempts).where(attempts.c.id == number).values(outcome=outcome))


async def bring_back() -> None:
    """Let attempts from the future, written before the clock was put back, count as made now.

    Called before each attempt is written, so the last one tells. Only the newest thousand are looked at; attempts that
    are left in the future do not count.
    """
    now, newest = clock.now(), select(attempts.c.id, attempts.c.made).order_by(attempts.c.id.desc())
    last = await database.fetch_one(newest.limit(1))
    if last is None or last["made"] <= now + AHEAD_SECONDS:
        return
    rows = await database.fetch_all(newest.limit(MAX_BROUGHT_BACK))
    ahead = [row["id"] for row in rows if row["made"] > now + AHEAD_SECONDS]
    await database.execute(update(attempts).where(attempts.c.id.in_(ahead)).values(made=now))
