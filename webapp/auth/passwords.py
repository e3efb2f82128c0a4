"""Hash and verify passwords with bcrypt, away from the event loop."""

import asyncio
import base64
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from webapp import settings

LONGEST = 1000
NO_DIGEST = "." * 31
# The hash of somebody who has no password yet: no password has it, and to be refused takes as long as with any other.
UNUSABLE = f"$2b${settings.BCRYPT_ROUNDS:02}${'.' * 22}{NO_DIGEST}"


def take_lowest_priority() -> None:
    """Let every other thread go first, where the system has priorities for threads."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


# bcrypt releases the GIL: one thread a core, and a storm of logins leaves the event loop free.
executor = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="bcrypt", initializer=take_lowest_priority)


def prepared(password: str) -> bytes:
    """Return 44 bytes that every character of the password counts for; bcrypt itself takes 72 at the most."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest())


def hash_now(password: str) -> str:
    """Return the password's bcrypt hash."""
    return bcrypt.hashpw(prepared(password), bcrypt.gensalt(settings.BCRYPT_ROUNDS)).decode()


def check_now(password: str, password_hash: str | None) -> bool:
    """Return whether the hash is the password's; no hash, or one of a lower cost, takes the same time."""
    if password_hash is None:
        spend(password, settings.BCRYPT_ROUNDS)
        return False
    for cost in range(cost_of(password_hash), settings.BCRYPT_ROUNDS):
        spend(password, cost)
    return bcrypt.checkpw(prepared(password), password_hash.encode())


def spend(password: str, cost: int) -> None:
    """Take as long as a check of that cost."""
    no_password_has_it = bcrypt.gensalt(cost) + NO_DIGEST.encode()
    bcrypt.checkpw(prepared(password), no_password_has_it)


def cost_of(password_hash: str) -> int:
    """Return the cost at which a hash was made."""
    return int(password_hash.split("$")[2])


def is_cheap(password_hash: str) -> bool:
    """Return whether the hash was made at a lower cost than BCRYPT_ROUNDS."""
    return cost_of(password_hash) < settings.BCRYPT_ROUNDS


async def hash_password(password: str) -> str:
    """Return the password's bcrypt hash (ASVS 11.4.2)."""
    return await asyncio.get_running_loop().run_in_executor(executor, hash_now, password)


async def check_password(password: str, password_hash: str | None) -> bool:
    """Return whether the hash is the password's, in the same time for None (ASVS 6.3.8)."""
    return await asyncio.get_running_loop().run_in_executor(executor, check_now, password, password_hash)
