"""Hash and verify passwords with bcrypt, away from the event loop.

Whatever account, hash or format there is, a check of one typed password costs the same (ASVS 6.3.8): as many bcrypt
computations as it has readings, each topped up to the highest cost of all hashes.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from sqlalchemy import func, select

from webapp import settings
from webapp.database import database
from webapp.tables import employees

LONGEST = 1000
# A check at this cost takes seconds. A hash that asks for more is a mistake, and would hold a thread for hours.
MAX_COST = 16
# Part of every hash, so that a SHA-256 of the same password from elsewhere is of no use ("password shucking").
DOMAIN = b"latchkey password 1"
# Before bcrypt's own text; without it a hash is from before, of base64(SHA-256(password)).
FORMAT = "hmac-sha256"
STORED = re.compile(
    rf"({FORMAT})?(\$2[aby]\$(0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{{21}}[.Oeu][./A-Za-z0-9]{{31}})"
)
NO_DIGEST = "." * 31
# The hash of somebody who has no password yet: no password has it, and to be refused takes as long as with any other.
UNUSABLE = f"$2b${settings.BCRYPT_ROUNDS:02}${'.' * 22}{NO_DIGEST}"
# How many characters a hash has from its cost on: the cost, a dollar sign, salt and digest.
TAIL = 2 + 1 + 22 + 31

# The highest cost of a hash that this process knows of; beyond BCRYPT_ROUNDS only where that has been lowered.
highest_known = 0


def take_lowest_priority() -> None:
    """Let every other thread go first, where the system has priorities for threads."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


# bcrypt releases the GIL: one thread a core, and a storm of logins leaves the event loop free.
executor = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="bcrypt", initializer=take_lowest_priority)


def normal(password: str) -> str:
    """Return a password as it counts, however the keyboard composes its letters (Unicode NFC, NIST 800-63B-4)."""
    return unicodedata.normalize("NFC", password)


async def are_the_same(one: str, other: str) -> bool:
    """Return whether two texts are one password, found away from the event loop."""
    return await asyncio.to_thread(lambda: normal(one) == normal(other))


def prepared(password: str) -> bytes:
    """Return 44 bytes that every character of the password counts for; bcrypt itself takes 72 at the most."""
    return base64.b64encode(hmac.digest(DOMAIN, normal(password).encode(), "sha256"))


def prepared_as_before(password: str) -> list[bytes]:
    """Return what older hashes may have been made of, who did not compose: the text in NFC, as typed, and in NFD."""
    readings = dict.fromkeys((normal(password), password, unicodedata.normalize("NFD", password)))
    return [base64.b64encode(hashlib.sha256(reading.encode()).digest()) for reading in readings]


def hash_now(password: str) -> str:
    """Return the password's hash."""
    return FORMAT + bcrypt.hashpw(prepared(password), bcrypt.gensalt(settings.BCRYPT_ROUNDS)).decode()


def check_now(password: str, password_hash: str | None) -> bool:
    """Return whether the hash is the password's; whatever hash it is, and for None, it costs the same."""
    found = parts_of(password_hash or "")
    is_todays, bcrypt_hash = found or (False, UNUSABLE)
    words = prepared_as_before(password)
    if is_todays:
        words = [prepared(password)] * len(words)
    # All of them, and not the first that matches: a deactivated employee's password is refused at the same cost.
    matching = [matches(word, bcrypt_hash) for word in words]
    return found is not None and any(matching)


def parts_of(password_hash: str) -> tuple[bool, str] | None:
    """Return whether a hash is in today's format, and bcrypt's part of it; None where no password can have it."""
    found = STORED.fullmatch(password_hash)
    if found is None or int(found[3]) > max_cost() or password_hash.endswith(NO_DIGEST):
        return None
    return found[1] is not None, found[2]


def max_cost() -> int:
    """Return the highest cost at which a hash is checked."""
    return max(MAX_COST, settings.BCRYPT_ROUNDS)


def is_usable(password_hash: str) -> bool:
    """Return whether some password can have a hash; who has none yet has UNUSABLE, and "!" is nobody's hash either."""
    return parts_of(password_hash) is not None


def matches(word: bytes, bcrypt_hash: str) -> bool:
    """Return whether a bcrypt hash was made of a word, at the highest cost of all hashes."""
    global highest_known
    cost = cost_of(bcrypt_hash)
    highest_known = max(highest_known, cost)
    for further in range(cost, max(highest_known, settings.BCRYPT_ROUNDS)):
        spend(word, further)
    return bcrypt.checkpw(word, bcrypt_hash.encode())


def spend(word: bytes, cost: int) -> None:
    """Take as long as a check of that cost."""
    bcrypt.checkpw(word, bcrypt.gensalt(cost) + NO_DIGEST.encode())


def cost_of(password_hash: str) -> int:
    """Return the cost at which a hash was made."""
    return int(password_hash.split("$")[2])


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash is better made anew: at a lower cost than BCRYPT_ROUNDS, or in the format of before."""
    return not password_hash.startswith(f"{FORMAT}$") or cost_of(password_hash) < settings.BCRYPT_ROUNDS


async def hash_password(password: str) -> str:
    """Return the password's hash (ASVS 11.4.2)."""
    return await asyncio.get_running_loop().run_in_executor(executor, hash_now, password)


async def check_password(password: str, password_hash: str | None) -> bool:
    """Return whether the hash is the password's, in the same time for None (ASVS 6.3.8)."""
    return await asyncio.get_running_loop().run_in_executor(executor, check_now, password, password_hash)


async def learn_highest_cost() -> None:
    """Find the highest cost of all hashes, once at the start, so that the first login costs what all later ones do."""
    global highest_known
    password_hash = employees.c.password_hash
    cost = func.substr(password_hash, func.length(password_hash) - TAIL + 1, 2)
    has_one = password_hash.like(f"%$__${'_' * (22 + 31)}") & password_hash.notlike(f"%{NO_DIGEST}")
    found = [row[0] for row in await database.fetch_all(select(cost).where(has_one).distinct())]
    highest_known = max((int(text) for text in found if text.isdecimal() and int(text) <= max_cost()), default=0)
