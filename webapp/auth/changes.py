"""How every worker hears, within a second, of sign-ins that have ended and employees who have changed.

Whoever ends or changes something writes a row in the same transaction; each worker has one small task that
reads the new rows twice a second and drops what they name, so that requests themselves ask nothing.
"""

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, insert, literal, select

from webapp import clock
from webapp.auth.held import held
from webapp.database import database
from webapp.tables import changes, employees, sign_ins

log = logging.getLogger("latchkey")

LEARN_EVERY_SECONDS = 0.5
# A row may become visible after one with a higher number: so many rows back are read again each time.
ROWS_READ_AGAIN = 100

seen: set[int] = set()


async def record_employee(emp_no: int) -> None:
    """Let every worker hear of a changed employee; to be called in the change's transaction."""
    await database.execute(insert(changes).values(made=clock.now(), emp_no=emp_no))


async def record_signed_in(numbers: Sequence[int]) -> None:
    """Let every worker hear of those of many changed employees who are signed in; no worker holds the others.

    To be called in the transaction that has changed them: who signs in meanwhile waits for it.
    """
    signed_in = select(sign_ins.c.emp_no).where(sign_ins.c.emp_no.in_(numbers), sign_ins.c.ended.is_(None))
    named = select(literal(clock.now()), employees.c.emp_no).where(employees.c.emp_no.in_(signed_in))
    await database.execute(insert(changes).from_select(["made", "emp_no"], named))


async def record_ended(which: ColumnElement[bool]) -> None:
    """Let every worker hear of the sign-ins that a condition names; to be called in the change's transaction."""
    named = select(literal(clock.now()), sign_ins.c.id).where(which)
    await database.execute(insert(changes).from_select(["made", "sid"], named))


def drop(*, sid: str | None = None, emp_no: int | None = None) -> None:
    """Forget in this worker, at once, what has changed."""
    if sid is not None:
        held.drop_sign_in(sid)
    if emp_no is not None:
        held.drop_employee(emp_no)


async def learn() -> None:
    """Read the rows that are new and drop what they name."""
    began = clock.steady()
    await database.follow_clock()
    highest = max(seen, default=0)
    rows = await database.fetch_all(select(changes).where(changes.c.id > highest - ROWS_READ_AGAIN))
    for row in rows:
        if row["id"] not in seen:
            drop(sid=row["sid"], emp_no=row["emp_no"])
    seen.clear()
    seen.update(row["id"] for row in rows)
    if not rows and highest:
        seen.add(highest)
    held.learned = began


async def start() -> None:
    """Begin with nothing held and at the newest row."""
    held.sign_ins.clear()
    seen.clear()
    highest = await database.fetch_val(select(func.max(changes.c.id)))
    if highest:
        seen.add(highest)
    await learn()


async def follow() -> None:
    """Learn again and again; where the database cannot be reached, say so once and go on trying."""
    reachable = True
    while True:
        await asyncio.sleep(LEARN_EVERY_SECONDS)
        try:
            await learn()
        except Exception as error:  # whatever it is, the next time may be better
            if reachable:
                log.error("The database cannot be reached: %s", error)
            reachable = False
        else:
            if not reachable:
                log.warning("The database is back")
            reachable = True
