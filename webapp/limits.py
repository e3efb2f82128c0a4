"""How long an address, how many headers and fields, and how large a body may be, and how long it may take to arrive."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp import answers, forms, settings

MAX_HEADERS = 100
# Of an address's path and query: RFC 9110 4.1 advises at least 8000, and Starlette's reading of escapes takes long.
MAX_ADDRESS_BYTES = 8192
# Of a Content-Length: what has more is cut, and too large all the same.
MAX_DIGITS = 20


class BodyLimits:
    """Reads the body before anything else does; one that is too large is answered 413, one that does not come 408."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            ensure_short(scope)
            body = await body_of(scope, receive) if has_body(scope) else None
        except HTTPException as refused:
            # The rest of the body is not read, so this connection cannot be used again.
            ending = {"Connection": "close"}
            await answers.refusal(Request(scope), refused.status_code, headers=ending)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        if body is not None:
            scope["expected_format"] = forms.expected_format(scope, body)
            receive = replayed(body, receive)
        await self.app(scope, receive, send)


def ensure_short(scope: Scope) -> None:
    """Refuse a head that takes long to look at, however short it is in bytes.

    Raises:
        HTTPException: 414 where its address has more than MAX_ADDRESS_BYTES, 431 where it has more than MAX_HEADERS
            headers, 400 where its query has too many fields.
    """
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
        raise HTTPException(414)
    if len(scope["headers"]) > MAX_HEADERS:
        raise HTTPException(431)
    if scope["query_string"] and forms.takes_long(scope["query_string"]):
        raise HTTPException(400)


def has_body(scope: Scope) -> bool:
    """Return whether a request has a body by its method, or announces one (RFC 9112 6)."""
    if scope["method"] not in ("GET", "HEAD"):
        return True
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return False


async def body_of(scope: Scope, receive: Receive) -> bytes:
    """Return a request's whole body.

    Raises:
        HTTPException: 413 over MAX_BODY_BYTES, 408 over BODY_TIMEOUT_SECONDS.
        ClientDisconnect: the client went away.
    """
    if announced_length(scope) > settings.MAX_BODY_BYTES:
        raise HTTPException(413)
    body, is_complete = bytearray(), False
    try:
        async with asyncio.timeout(settings.BODY_TIMEOUT_SECONDS):
            while not is_complete:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                if len(body) > settings.MAX_BODY_BYTES:
                    raise HTTPException(413)
                is_complete = not message.get("more_body", False)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)


def announced_length(scope: Scope) -> int:
    """Return the Content-Length, 0 where there is none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            # The parser leaves the space behind a value, and takes any number of zeros; `int` does not.
            digits = value.strip(b" \t")
            length = digits.lstrip(b"0")[:MAX_DIGITS]
            return int(length or b"0") if digits.isdigit() else settings.MAX_BODY_BYTES + 1
    return 0


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first gives the body that was read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
