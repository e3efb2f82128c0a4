"""uvicorn's HTTP protocol, with bounds on a request's head: its first line and its headers."""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webapp import answers, settings
from webapp.headers import headers_for

LARGEST_HEAD_BYTES = 32768


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 to a head that is too large and 408 to one that does not arrive, and closes the connection.

    uvicorn itself closes a connection on which no new request begins for five seconds.
    """

    received = b""
    head_bytes = 0
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for first in range(0, len(data), LARGEST_HEAD_BYTES):
            self.received = data[first : first + LARGEST_HEAD_BYTES]
            super().data_received(self.received)
            if self.transport.is_closing():
                return
            if self.head_bytes:
                self.count(len(self.received))

    def count(self, received: int) -> None:
        """Count what has arrived of a head that is not complete."""
        self.head_bytes += received
        if self.head_bytes > LARGEST_HEAD_BYTES:
            self.refuse(431)
        elif self.deadline is None:
            self.wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_bytes = 1

    def on_headers_complete(self) -> None:
        self.head_bytes = 0
        self.stop_waiting()
        super().on_headers_complete()

    def wait_for_head(self) -> None:
        """Give the client so long to send a whole head."""
        self.deadline = self.loop.call_later(settings.BODY_TIMEOUT_SECONDS, self.refuse, 408)

    def stop_waiting(self) -> None:
        """Forget the deadline, if there is one."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def send_400_response(self, msg: str) -> None:
        self.refuse(400)

    def refuse(self, status: int) -> None:
        """Answer in the client's form, as far as it is known, and close the connection."""
        scope = scope_of(self.received)
        response = answers.refusal(Request(scope), status)
        headers = [*response.raw_headers, *headers_for(scope, status), (b"connection", b"close")]
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *map(b": ".join, headers), b""]
        self.transport.write(b"\r\n".join(lines) + b"\r\n" + bytes(response.body))
        self.transport.close()


def scope_of(received: bytes) -> Scope:
    """Return what can be told of a request that could not be read."""
    first_line, *lines = received.split(b"\r\n\r\n")[0].split(b"\r\n")
    words = [*first_line.split(b" "), b"", b""]
    pairs = [line.partition(b":") for line in lines]
    return {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": words[1].decode("latin-1"),
        "query_string": b"",
        "headers": [(name.lower(), value.strip(b" \t")) for name, _, value in pairs],
    }
