"""uvicorn's HTTP protocol, with bounds on a request's head: its first line and its headers."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webapp import settings

LARGEST_HEAD_BYTES = 32768
REFUSALS = {
    408: b"HTTP/1.1 408 Request Timeout",
    431: b"HTTP/1.1 431 Request Header Fields Too Large",
}


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 to a head that is too large and 408 to one that does not arrive, and closes the connection.

    uvicorn itself closes a connection on which no new request begins for five seconds.
    """

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
            part = data[first : first + LARGEST_HEAD_BYTES]
            super().data_received(part)
            if self.transport.is_closing():
                return
            if self.head_bytes:
                self.count(len(part))

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

    def refuse(self, status: int) -> None:
        """Answer with nothing but a status, and close the connection."""
        self.transport.write(REFUSALS[status] + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
