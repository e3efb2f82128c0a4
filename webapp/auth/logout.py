"""End the sessions of a request's tokens: by a logout, or by another login in the same browser."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_
from starlette.requests import Request

from webapp import cookies
from webapp.auth import refresh, signins
from webapp.auth.backend import Credentials
from webapp.auth.tokens import Claims, read_signed_claims
from webapp.tables import sign_ins


async def end_before(request: Request) -> None:
    """End the session that the browser had before it logged in again.

    Its cookie is about to be replaced, also where a header has come along, as from the docs page.
    """
    before = [*request.auth.tokens, *cookies.read_cookies(request, cookies.session_cookie(request))]
    which = [session_of(claims) for token in dict.fromkeys(before) if (claims := read_signed_claims(token)) is not None]
    if which:
        await signins.end_where(or_(*which) & (sign_ins.c.kind == "browser"), "logged in again")


async def end_sessions(auth: Credentials, why: str, given_up: Sequence[str] = ()) -> int:
    """End the sessions of a request's tokens, also where these have expired, and return how many lived (ASVS 7.4.1).

    Args:
        auth: the request's credential; a program's token in the cookie is out of place and ends nothing.
        why: what is kept as the reason.
        given_up: refresh tokens and access tokens that a program revokes besides (RFC 7009 2.1).
    """
    which = [session_of(claims) for claims in auth.signed]
    if auth.by_cookie:
        which = [session & (sign_ins.c.kind == "browser") for session in which]
    for token in given_up:
        claims = read_signed_claims(token)
        which.append(sign_ins.c.id == await refresh.find_session(token) if claims is None else session_of(claims))
    return await signins.end_where(or_(*which), why) if which else 0


def session_of(claims: Claims) -> ColumnElement[bool]:
    """Return the condition of the session that a token names."""
    return (sign_ins.c.id == claims.sid) & (sign_ins.c.emp_no == claims.emp_no)
