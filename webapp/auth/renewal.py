"""Whoever goes on working stays logged in: the cookie's token is renewed past half its life, for the same sign-in."""

from collections.abc import Awaitable

from sqlalchemy import update
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp import cookies
from webapp.auth.held import SignIn
from webapp.auth.signins import token_for
from webapp.database import Unavailable, database
from webapp.tables import sign_ins


class Renewal:
    """Adds a new token to an ordinary answer; never to one that sets or removes the session cookie itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not scope["auth"].renewable or scope["path"].startswith("/static/"):
            return self.app(scope, receive, send)
        conn = HTTPConnection(scope)

        async def send_renewed(message: Message) -> None:
            if message["type"] == "http.response.start" and is_ordinary(message, conn):
                message["headers"] = [*message["headers"], *await new_cookie(conn, scope["auth"].sign_in)]
            await send(message)

        return self.app(scope, receive, send_renewed)


def is_ordinary(message: Message, conn: HTTPConnection) -> bool:
    """Return whether an answer is no failure and leaves the session cookie alone."""
    ours = cookies.session_cookie(conn).encode() + b"="
    sets_it = any(name == b"set-cookie" and value.startswith(ours) for name, value in message["headers"])
    return message["status"] < 400 and not sets_it


async def new_cookie(conn: HTTPConnection, sign_in: SignIn) -> list[tuple[bytes, bytes]]:
    """Return the header with a new token, none where the sign-in has ended or the database cannot say."""
    still_open = (sign_ins.c.id == sign_in.id) & sign_ins.c.ended.is_(None)
    try:
        found = await database.change(update(sign_ins).where(still_open).values(used=sign_in.used), sign_ins.c.id)
    except Unavailable:
        return []
    if not found:
        return []
    token = token_for(sign_in)
    carrier = Response()
    cookies.set_session(carrier, conn, token.text, token.expires_in)
    return [(name, value) for name, value in carrier.raw_headers if name == b"set-cookie"]
