"""What is no longer needed goes away by itself (ASVS 14.2.7)."""

import asyncio
import logging

from sqlalchemy import delete, select

from webapp import clock, settings
from webapp.database import database
from webapp.tables import attempts, changes, refresh_tokens, sign_ins

log = logging.getLogger("latchkey")

EVERY_SECONDS = 3600
CHANGES_KEPT_SECONDS = 86400


async def tidy() -> None:
    """Remove attempts and sign-ins that are too old to keep, and changes that every worker has long heard of."""
    now = clock.now()
    too_old = now - settings.ATTEMPTS_KEEP_DAYS * 86400
    dead = (sign_ins.c.ended < too_old) | (sign_ins.c.ends < too_old)
    async with database.transaction():
        await database.execute(delete(attempts).where(attempts.c.made < too_old))
        await database.execute(
            delete(refresh_tokens).where(refresh_tokens.c.sid.in_(select(sign_ins.c.id).where(dead)))
        )
        await database.execute(delete(sign_ins).where(dead))
        await database.execute(delete(changes).where(changes.c.made < now - CHANGES_KEPT_SECONDS))


async def keep_tidy() -> None:
    """Tidy once an hour."""
    while True:
        try:
            await tidy()
        except Exception as error:  # whatever it is, the next time may be better
            log.warning("Old rows could not be removed: %s", error)
        await asyncio.sleep(EVERY_SECONDS)
