"""A connection with a client: who is answered when, and when it ends (ASVS 15.2.2)."""

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from webapp import open_connections, refusals, settings
from webapp.request_reader import RequestReader
from webapp.transport import ClosingTransport, Flow

log = logging.getLogger("latchkey")

# So long a client may go on sending a body, or reading an answer, when the server is told to stop.
STOP_SECONDS = 5.0


class BoundedProtocol(RequestReader):
    """uvicorn's protocol, which ends a connection where a bound is passed, and answers first what came before.

    A head that is too large is answered 431, one that does not arrive 408, one that is none 400. uvicorn itself closes
    a connection on which no new request begins for five seconds.
    """

    # The last answer, to what was no request.
    refusal: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(ClosingTransport(transport, self.loop))  # type: ignore[arg-type]
        self.flow = Flow(self.transport)  # type: ignore[arg-type]
        self.noted = []
        self.others = open_connections.of_this_worker()
        self.wait_for_head()
        self.others.add(self, self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:
        self.others.remove(self)
        self.is_last, self.unread = True, b""
        self.stop_waiting()
        self._unset_keepalive_if_required()
        self.transport.forget()
        self.pipeline.clear()
        if self.answering is not None:
            disconnect(self.answering)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_ending:
            return
        self.others.answered(self)
        if self.pipeline or self.unread or self.is_last or self.is_in_body:
            self.go_on()
        else:
            self.wait_for_next()

    def go_on(self) -> None:
        """Answer the next request that has been read, and read others; close when there is none."""
        if self.pipeline:
            self.answering, app = self.pipeline.pop()
            self._start_asgi_task(self.answering, app)
        if self.unread and not self.pipeline:
            self.read()
        if self.is_answering():
            self.flow.resume_reading()
        elif self.is_last or self.is_in_body:  # in a body: it was answered before all of it had arrived
            self.end()
        else:
            self.wait_for_next()

    def wait_for_next(self) -> None:
        """Give the client a few seconds to begin with its next request."""
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.deadline is None:
            self.idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self.look_again(self.timeout_keep_alive)

    def look_again(self, seconds: float) -> None:
        """Look later whether the connection is idle; a timer for each answer would cost a microsecond."""
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def end(self) -> None:
        """Close the connection when all requests are answered, with a refusal if something was none."""
        try:
            if self.refusal is not None and not self.transport.is_closing():
                self.transport.write(self.refusal)
        finally:
            self.transport.close()

    def is_answering(self) -> bool:
        """Return whether a request waits for its answer."""
        cycle = self.answering
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def is_being_answered(self) -> bool:
        """Return whether the server works on a whole request, and the client reads what it has got."""
        cycle = self.answering
        return cycle is not None and self.is_answering() and not cycle.more_body and not self.flow.write_paused

    def wait_for_head(self) -> None:
        """Give the client so long to send a whole head."""
        self.deadline = self.loop.call_later(settings.BODY_TIMEOUT_SECONDS, self.head_is_late)

    def head_is_late(self) -> None:
        """Refuse a head that has not come, unless it may have come and was not read."""
        self.deadline = None
        if self.flow.read_paused:
            self.wait_for_head()
        else:
            self.refuse(408)

    def stop_waiting(self) -> None:
        """Forget the deadline, if there is one."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline, self.head = None, b""

    def refuse(self, status: int, piece: bytes = b"") -> None:
        """Answer in the client's form, as far as it is known, when all before it is answered, and close the connection.

        Args:
            piece: where it stopped being one.
        """
        log.warning("A request that could not be read was answered %d", status)
        self.is_last = True
        known = (self.url, self.headers) if self.is_in_body else refusals.lines_in(self.head + piece)
        self.stop_waiting()
        is_head = bool(self.url) and self.parser.get_method() == b"HEAD"
        self.refusal = refusals.refusal(status, *known, is_head=is_head)
        if self.is_in_body:
            self.forget_body()
        if not self.is_answering():
            self.end()

    def forget_body(self) -> None:
        """Let go of the request whose body cannot be read; if its answer has begun, there cannot be another."""
        disconnect(self.cycle)
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
        elif self.cycle.response_started:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a connection whose client has ended its side until the requests that are whole have been answered."""
        self.is_last = self.transport.client_has_ended = True
        self.stop_waiting()
        if self.is_in_body:
            self.forget_body()
        is_wanted = self.is_answering()
        if not is_wanted:
            self.transport.close()
        return is_wanted

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self.idle_since is None:
            return
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.look_again(left)
        else:
            self.transport.close_idle()

    def shutdown(self) -> None:
        if self.is_answering():
            self.is_last = not self.is_in_body
            self.cycle.keep_alive = False
            self.loop.call_later(STOP_SECONDS, self.stop_waiting_for_client)
        else:
            self.transport.close_idle()

    def stop_waiting_for_client(self) -> None:
        """End a connection whose client still sends or does not read, so that the server's stop waits for work only."""
        if not self.is_being_answered():
            self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self.is_last = True
        self.transport.abort()


def disconnect(cycle: RequestResponseCycle) -> None:
    """Tell the application that nobody waits for this answer any more."""
    cycle.disconnected = True
    cycle.message_event.set()
