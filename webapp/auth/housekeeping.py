"""What is no longer needed goes away by itself, a little at a time so that nobody waits for it (ASVS 14.2.7)."""

import asyncio
import logging
import secrets
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, select

from webapp import clock, settings
from webapp.auth import attempt_log
from webapp.database import database
from webapp.tables import attempts, changes, known_browsers, refresh_tokens, sign_ins

log = logging.getLogger("latchkey")

EVERY_SECONDS = 3600
CHANGES_KEPT_SECONDS = 86400
# Removing this many rows takes a few hundredths of a second; other transactions write between two such steps.
ROWS_AT_ONCE = 300
PAUSE_SECONDS = 0.05
# Workers that start together begin at different times: the first that does finds the rows, the others few or none.
MAX_DELAY_SECONDS = 60.0


async def tidy() -> None:
    """Remove attempts and sign-ins that are too old to keep, and changes that every worker has long heard of."""
    now = clock.now()
    too_old = now - settings.ATTEMPTS_KEEP_DAYS * 86400
    await attempt_log.bring_back()
    await remove_attempts(too_old, now + attempt_log.AHEAD_SECONDS)
    for dead in (sign_ins.c.ended < too_old, sign_ins.c.ends < too_old):
        while sids := await some(sign_ins.c.id, dead):
            await remove(refresh_tokens.c.token_hash, refresh_tokens.c.sid.in_(sids))
            await remove(sign_ins.c.id, sign_ins.c.id.in_(sids))
    await remove(known_browsers.c.id_hash, known_browsers.c.used < now - settings.KNOWN_BROWSER_DAYS * 86400)
    await remove(changes.c.id, changes.c.made < now - CHANGES_KEPT_SECONDS)


async def remove_attempts(too_old: float, ahead: float) -> None:
    """Remove the attempts that were made before a time, and those in the future that are older than these.

    They are found in the order in which they were written: an index on `made` alone would lead a server's planner to
    read through it what has an index for its own key.
    """
    after, are_more = 0, True
    while are_more:
        oldest = select(attempts.c.id, attempts.c.made).where(attempts.c.id > after).order_by(attempts.c.id)
        rows = await database.fetch_all(oldest.limit(ROWS_AT_ONCE))
        old = [row["id"] for row in rows if not too_old <= row["made"] <= ahead]
        if old:
            await database.execute(delete(attempts).where(attempts.c.id.in_(old)))
        are_more = bool(old) and len(rows) == ROWS_AT_ONCE
        if are_more:
            after = rows[-1]["id"]
            await asyncio.sleep(PAUSE_SECONDS)


async def remove(key: Column[Any], which: ColumnElement[bool]) -> None:
    """Remove the rows of a condition by their keys, a few at a time, each time in a separate transaction."""
    are_more = True
    while are_more:
        keys = await some(key, which)
        if keys:
            await database.execute(delete(key.table).where(key.in_(keys)))
        are_more = len(keys) == ROWS_AT_ONCE
        if are_more:
            await asyncio.sleep(PAUSE_SECONDS)


async def some(key: Column[Any], which: ColumnElement[bool]) -> list[Any]:
    """Return the keys of some rows of a condition."""
    return [row[0] for row in await database.fetch_all(select(key).where(which).limit(ROWS_AT_ONCE))]


async def keep_tidy() -> None:
    """Tidy once an hour."""
    await asyncio.sleep(secrets.SystemRandom().uniform(0, MAX_DELAY_SECONDS))
    while True:
        try:
            await tidy()
        except Exception as error:  # whatever it is, the next time may be better
            log.warning("Old rows could not be removed: %s", error)
        await asyncio.sleep(EVERY_SECONDS)
