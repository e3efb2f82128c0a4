"""How large a request's body may be, and how long it may take to arrive."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp import answers, settings


class BodyLimits:
    """Answers 413 to a body that is too large and 408 to one that does not arrive, in the client's form."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "GET" and not announced_length(scope)):
            await self.app(scope, receive, send)
        elif announced_length(scope) > settings.MAX_BODY_BYTES:
            await answers.refusal(Request(scope), 413)(scope, receive, send)
        else:
            await self.app(scope, limited(receive), send)


def announced_length(scope: Scope) -> int:
    """Return the Content-Length, 0 where there is none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else settings.MAX_BODY_BYTES + 1
    return 0


def limited(receive: Receive) -> Receive:
    """Return a `receive` that counts the body's bytes and seconds.

    Raises:
        HTTPException: 413 over MAX_BODY_BYTES, 408 over BODY_TIMEOUT_SECONDS.
    """
    received = 0
    deadline: float | None = None

    async def receive_within_limits() -> Message:
        nonlocal received, deadline
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + settings.BODY_TIMEOUT_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408) from None
        received += len(message.get("body", b""))
        if received > settings.MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return receive_within_limits
