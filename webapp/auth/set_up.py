"""The first administrator: made once, with a token that the first start prints, while there is no employee."""

import hashlib
import secrets
from typing import Any

from sqlalchemy import delete, insert, select, update
from starlette.requests import Request

from webapp import audit, clock, employees, settings
from webapp.auth import signins
from webapp.auth.held import SignIn
from webapp.auth.scopes import SCOPES
from webapp.database import database
from webapp.tables import set_up_tokens

PATH = "/auth/set-up"


class SetUpOver(Exception):
    """There is an employee already, or the token is not of this database, used or too old."""


def digest_of(token: str) -> str:
    """Return the form in which a token is kept (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode()).hexdigest()


async def new_token() -> str:
    """Return a new token of 256 bits that this database alone knows, good for LINK_MAX_SECONDS (ASVS 6.4.1, 6.5.4)."""
    token = secrets.token_urlsafe(32)
    async with database.transaction():
        await database.execute(delete(set_up_tokens).where(set_up_tokens.c.made <= oldest()))
        await database.execute(insert(set_up_tokens).values(token_hash=digest_of(token), made=clock.now(), used=None))
    return token


def oldest() -> float:
    """Return when the oldest token that is still good was made."""
    return clock.now() - settings.LINK_MAX_SECONDS


async def ensure_open(token: str) -> None:
    """Make sure that the first administrator may be made with a token.

    Raises:
        SetUpOver: they may not.
    """
    good = (set_up_tokens.c.token_hash == digest_of(token)) & set_up_tokens.c.used.is_(None)
    found = await database.fetch_one(select(set_up_tokens.c.made).where(good & (set_up_tokens.c.made > oldest())))
    if found is None or await employees.anybody():
        raise SetUpOver


async def make_first(request: Request, token: str, kind: str, **details: Any) -> SignIn:
    """Add the first administrator, who may do everything, and return their sign-in: all or nothing, for one alone.

    Args:
        kind: of the sign-in, as `open_sign_in` has it.
        details: their email, names and hash.

    Raises:
        SetUpOver: somebody else was quicker, or the token is not good.
    """
    claim = update(set_up_tokens).where(set_up_tokens.c.used.is_(None)).values(used=clock.now())
    async with database.transaction():
        await ensure_open(token)
        # Whatever token somebody else has, they wait here, and then find none that is unused.
        if digest_of(token) not in await database.change(claim, set_up_tokens.c.token_hash):
            raise SetUpOver
        await employees.create(scopes=SCOPES, **details)
        found = await employees.with_email(details["email"])
        assert found is not None
        await audit.note(audit.Actor.of(request), audit.Action.FIRST_ADMINISTRATOR, found[0].emp_no)
        return await signins.open_sign_in(found[0], kind, request)
