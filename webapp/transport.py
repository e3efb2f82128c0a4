"""The end of a connection: the client gets its answer, and then the socket closes, whatever the client does."""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from webapp import settings

LINGER_SECONDS = 1.0
# A client reads at least so much of a large answer in BODY_TIMEOUT_SECONDS.
MIN_BYTES_READ = 65536


class ClosingTransport:
    """A transport that closes in two steps, so that the client reads its answer before the socket ends (RFC 9112 9.6).

    Closing at once would reset a connection on which something still comes, and the answer would be lost with it.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport, self.loop = transport, loop
        self.is_ending = self.client_has_ended = False
        self.lingering: asyncio.TimerHandle | None = None
        self.watching: asyncio.TimerHandle | None = None
        self.write = transport.write
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of itself."""
        return self.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether nothing more may be written."""
        return self.is_ending or self.transport.is_closing()

    def close(self) -> None:
        """End our side, and wait a moment for the client to end its own; what it sends meanwhile is thrown away."""
        if self.is_closing():
            return
        self.is_ending = True
        if self.client_has_ended:
            self.transport.close()
        else:
            self.transport.write_eof()
            self.transport.resume_reading()
        self.watch()
        self.linger()

    def close_idle(self) -> None:
        """End a connection on which nothing is expected."""
        self.client_has_ended = True
        self.close()

    def linger(self) -> None:
        """Give the client a moment."""
        self.lingering = self.loop.call_later(LINGER_SECONDS, self.stop_lingering)

    def stop_lingering(self) -> None:
        """End the connection, unless the client is still reading."""
        if self.transport.get_write_buffer_size():
            self.linger()
        else:
            self.abort()

    def watch(self) -> None:
        """Look after BODY_TIMEOUT_SECONDS at how much of what is written has been read."""
        if self.watching is None:
            waiting = self.transport.get_write_buffer_size()
            self.watching = self.loop.call_later(settings.BODY_TIMEOUT_SECONDS, self.look, waiting)

    def look(self, waiting: int) -> None:
        """End a connection whose client does not read (ASVS 15.2.2); go on watching one that does.

        Args:
            waiting: how many bytes were not read when the watch began.
        """
        self.watching = None
        if self.transport.get_write_buffer_size() > waiting - MIN_BYTES_READ:
            self.abort()
        else:
            self.watch()

    def stop_watching(self) -> None:
        """Forget the watch: what was written has been read."""
        if self.watching is not None and not self.is_ending:
            self.watching.cancel()
            self.watching = None

    def abort(self) -> None:
        """End the connection at once."""
        self.is_ending = True
        self.transport.abort()

    def forget(self) -> None:
        """Stop the timers of a connection that is lost."""
        self.is_ending = True
        for timer in (self.lingering, self.watching):
            if timer is not None:
                timer.cancel()


class Flow(FlowControl):
    """uvicorn's flow control, in which nothing is read while requests that were read are waiting."""

    is_held = False

    def hold(self) -> None:
        """Read nothing until `release`."""
        self.pause_reading()
        self.is_held = True

    def release(self) -> None:
        """Read again."""
        self.is_held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()
