"""When each sign-in was last used: workers note it in memory and write it down together, now and then."""

import asyncio
import logging

from sqlalchemy import update

from webapp.auth.held import held
from webapp.database import database
from webapp.tables import sign_ins

log = logging.getLogger("latchkey")

EVERY_SECONDS = 60
# So many in one transaction, so that logins do not wait for all of them.
TOGETHER = 200

written: dict[str, float] = {}


async def write_down() -> None:
    """Write down the last use of each sign-in that this worker has seen since the time before."""
    used = [(sid, sign_in.used) for sid, sign_in in held.sign_ins.items() if written.get(sid) != sign_in.used]
    for first in range(0, len(used), TOGETHER):
        async with database.transaction():
            for sid, when in used[first : first + TOGETHER]:
                later = (sign_ins.c.id == sid) & (sign_ins.c.used < when)
                await database.execute(update(sign_ins).where(later).values(used=when))
    written.update(used)
    for gone in written.keys() - held.sign_ins.keys():
        del written[gone]


async def keep_writing() -> None:
    """Write it down every few seconds."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await write_down()
        except Exception as error:  # whatever it is, the next time may be better
            log.warning("The last use of sign-ins could not be written down: %s", error)
