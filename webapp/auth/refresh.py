"""Refresh tokens for programs: opaque, single use, kept only as a hash (RFC 6749 6, RFC 9700 4.14.2)."""

import hashlib
import secrets

from sqlalchemy import insert, select, update

from webapp import clock
from webapp.answers import Refused
from webapp.auth import signins
from webapp.auth.held import SignIn
from webapp.database import database
from webapp.tables import refresh_tokens

# A client that did not get the answer may ask once more, so long, without being taken for a thief.
GRACE_SECONDS = 10

NO_LONGER_GOOD = "This refresh token is not good, or no longer. Log in again"
JUST_USED = "This refresh token has just been used. Use the one that the first answer brought"


def digest_of(token: str) -> str:
    """Return the form in which a refresh token is kept."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def issue(sid: str) -> str:
    """Return a new refresh token of 256 bits for a sign-in."""
    token = secrets.token_urlsafe(32)
    await database.execute(
        insert(refresh_tokens).values(token_hash=digest_of(token), sid=sid, made=clock.now(), used=None)
    )
    return token


async def find_session(token: str) -> str:
    """Return the id of the session of a refresh token, also of one that has been used; "" where there is none."""
    sid = await database.fetch_val(select(refresh_tokens.c.sid).where(refresh_tokens.c.token_hash == digest_of(token)))
    return sid or ""


async def rotate(token: str) -> tuple[SignIn, str]:
    """Return the sign-in of a refresh token, and the token's successor.

    Raises:
        Refused: it is unknown, its sign-in has ended, or it has been used before; a late second use ends the sign-in.
    """
    unused = (refresh_tokens.c.token_hash == digest_of(token)) & refresh_tokens.c.used.is_(None)
    use = update(refresh_tokens).where(unused).values(used=clock.now())
    async with database.transaction():
        sids = await database.change(use, refresh_tokens.c.sid)
        sign_in = await signins.load(sids[0]) if sids else None
        if sign_in is not None and clock.now() < sign_in.ends:
            return sign_in, await issue(sign_in.id)
    if not sids:
        await look_into_reuse(token)
    raise Refused(NO_LONGER_GOOD, "invalid_grant")


async def look_into_reuse(token: str) -> None:
    """End the sign-in of a refresh token that comes again; within the grace, only say so."""
    row = await database.fetch_one(select(refresh_tokens).where(refresh_tokens.c.token_hash == digest_of(token)))
    if row is None:
        return
    # A clock may have been put back meanwhile; a use in the future is no reason for grace.
    if abs(clock.now() - row["used"]) <= GRACE_SECONDS:
        raise Refused(JUST_USED, "invalid_grant", status=409)
    await signins.end(row["sid"], "refresh token used twice")
