"""Who has forgotten their password gets a link by mail; whether there is such an account, only the mail tells.

The answer is given before anything is looked up: a request is put into a queue, and one small task mails the links.
"""

import asyncio
import logging
import math
import secrets
from dataclasses import dataclass

from sqlalchemy import update
from starlette.requests import Request

from webapp import audit, clock, employees, mail, settings
from webapp.auth import links, throttle
from webapp.clients import address_of
from webapp.database import database
from webapp.tables import attempts

log = logging.getLogger("latchkey")

MOST_WAITING = 200
LONGEST_PAUSE_SECONDS = 1.0
SUBJECT = "Set a new password for Latchkey"
TEXT = """Somebody, most likely you, asked for a new password for {email}.

Set it here, once and within {lifetime}:

{link}

If it was not you, do nothing: your password stays as it is.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a link: for which email, by whom, and the number of its attempt."""

    email: str
    actor: audit.Actor
    number: int


waiting: asyncio.Queue[Asked] = asyncio.Queue(MOST_WAITING)


async def ask(request: Request, email: str) -> None:
    """Write a request for a link down and put it into the queue, in the same time for every email (ASVS 6.3.8).

    Raises:
        TooManyAttempts: there were too many from the address or for the email.
        asyncio.QueueFull: too many are waiting.
    """
    number = await throttle.record(request, email, None, throttle.ASKED)
    try:
        await ensure_few(number, request, email)
    except throttle.TooManyAttempts:
        await throttle.mark(number, throttle.THROTTLED)
        raise
    waiting.put_nowait(Asked(email, audit.Actor.of(request), number))


async def ensure_few(number: int, request: Request, email: str) -> None:
    """Allow one email as many links as one pair has failures, and one address as many as it has (ASVS 6.3.1)."""
    now, earlier = clock.now(), attempts.c.id < number
    for which, limit in (
        (attempts.c.email_key == throttle.key_of(email), settings.THROTTLE_PAIR_FAILURES),
        (attempts.c.address == address_of(request), settings.THROTTLE_ADDRESS_FAILURES),
    ):
        allowance = await throttle.of_window(earlier & which, limit, now, throttle.ASKED)
        if allowance.free_again > now:
            raise throttle.TooManyAttempts(math.ceil(allowance.free_again - now))


async def keep_mailing() -> None:
    """Mail the links that are waiting, one by one; what cannot be mailed is logged and may be asked for again."""
    while True:
        asked = await waiting.get()
        await pause()
        try:
            await answer(asked)
        except Exception as error:  # whatever it is, the next one may do better
            log.error("A link could not be mailed: %s", mail.trouble_in(error))
        finally:
            waiting.task_done()


async def pause() -> None:
    """Wait for a while that nobody knows: a mail takes longer than none, and the next request must not tell which."""
    await asyncio.sleep(secrets.SystemRandom().uniform(0, LONGEST_PAUSE_SECONDS))


async def answer(asked: Asked) -> None:
    """Mail a link to the employee with this email, if there is one who may have it."""
    found = await employees.with_email(asked.email)
    if found is None or not found[0].is_active:
        return
    employee = found[0]
    await database.execute(update(attempts).where(attempts.c.id == asked.number).values(emp_no=employee.emp_no))
    try:
        link = await links.make(employee, asked.actor, audit.Action.LINK_MAILED)
    except links.LinkNotGood:
        return
    text = TEXT.format(email=employee.email, lifetime=links.in_words(link.expires_in), link=link.address)
    await mail.send(mail.message_to(employee.email, SUBJECT, text))
