"""Who has forgotten their password gets a link by mail; whether there is such an account, only the mail tells.

The answer is given before anything is looked up: a request is put into a queue, and one small task mails the links.
"""

import asyncio
import logging
import secrets
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import update
from starlette.requests import Request

from webapp import audit, clock, employees, mail
from webapp.auth import attempt_log, links, throttle, throttle_rules
from webapp.auth.attempt_log import Source
from webapp.database import database
from webapp.tables import attempts

log = logging.getLogger("latchkey")

MAX_WAITING = 200
# Of one address: otherwise two hundred requests at once from one would keep everybody else from asking.
MAX_WAITING_OF_ONE = 10
# Of one address space, whose addresses cost nothing.
MAX_WAITING_OF_SPACE = 40
BUSY_SECONDS = 60
LONGEST_PAUSE_SECONDS = 1.0
SUBJECT = "Set a new password for Latchkey"
TEXT = """Somebody, most likely you, asked for a new password for {email}.

Set it here, once and within {lifetime}:

{link}

If it was not you, do nothing: your password stays as it is.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a link: its email, who asked, what it is counted by, and the number of its attempt."""

    email: str
    actor: audit.Actor
    source: Source
    number: int


waiting: asyncio.Queue[Asked] = asyncio.Queue(MAX_WAITING)
# Who asks in a browser in which they have logged in before does not wait behind strangers.
waiting_known: asyncio.Queue[Asked] = asyncio.Queue(MAX_WAITING)
waiting_of: Counter[str] = Counter()


async def ask(request: Request, email: str) -> None:
    """Write a request for a link down and put it into the queue, in the same time for every email (ASVS 6.3.8).

    Raises:
        TooManyAttempts: there were too many from the address or for the email.
        asyncio.QueueFull: too many are waiting.
    """
    source = await attempt_log.source_of(request, email)
    queue = waiting_known if source.is_known else waiting
    await attempt_log.bring_back()
    try:
        ensure_place(queue, source)
        await ensure_few(source, throttle_rules.NO_NUMBER)
    except throttle.TooManyAttempts:
        await throttle.note_refused(request, source, None)
        raise
    number = await attempt_log.record(request, source, None, attempt_log.ASKED)
    try:
        # Once more, now that it is written down: of many at once each sees those before it.
        await ensure_few(source, number)
        ensure_place(queue, source)
    except (throttle.TooManyAttempts, asyncio.QueueFull):
        await attempt_log.mark(number, attempt_log.THROTTLED)
        raise
    waiting_of.update(places_of(source).keys())
    queue.put_nowait(Asked(email, audit.Actor.of(request), source, number))


def ensure_place(queue: asyncio.Queue[Asked], source: Source) -> None:
    """Make sure that a request may wait for its mail.

    Raises:
        TooManyAttempts: too many of its address or address space are waiting.
        asyncio.QueueFull: too many are waiting.
    """
    if queue.full():
        raise asyncio.QueueFull
    is_full = any(waiting_of[key] >= most for key, most in places_of(source).items())
    if is_full and not source.is_known:
        raise throttle.TooManyAttempts(BUSY_SECONDS)


def places_of(source: Source) -> dict[str, int]:
    """Return what a request takes a place of, with how many each has; where both are one, the address counts."""
    return {source.address_space: MAX_WAITING_OF_SPACE, source.address_key: MAX_WAITING_OF_ONE}


async def ensure_few(source: Source, before: int) -> None:
    """Allow one email few links in a window and in a day, and one address and its space as many as failures.

    Raises:
        TooManyAttempts: there were too many (ASVS 6.3.1).
    """
    now = clock.now()
    allowances = await throttle_rules.allowances_of(throttle_rules.rules_for_asking(source), now, before)
    throttle.refuse_until(max(allowance.free_again for allowance in allowances) - now)


async def keep_mailing() -> None:
    """Mail the links that are waiting."""
    await asyncio.gather(mail_those_in(waiting), mail_those_in(waiting_known))


async def mail_those_in(queue: asyncio.Queue[Asked]) -> None:
    """Mail the links of a queue, one by one; what cannot be mailed is logged and may be asked for again."""
    while True:
        asked = await queue.get()
        await pause()
        try:
            await answer(asked)
        except Exception as error:  # whatever it is, the next one may do better
            log.error("A link could not be mailed: %s", mail.trouble_in(error))
        finally:
            leave(asked)
            queue.task_done()


def leave(asked: Asked) -> None:
    """Give a request's places to others of its address and address space."""
    for key in places_of(asked.source):
        waiting_of[key] -= 1
        if waiting_of[key] <= 0:
            del waiting_of[key]


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
