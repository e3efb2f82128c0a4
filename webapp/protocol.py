"""uvicorn's HTTP protocol, with bounds on all that a client can make it read, keep and wait for (ASVS 15.2.2)."""

import asyncio
import logging

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from webapp import hosts, open_connections, refusals, settings
from webapp.hosts import BadHead
from webapp.transport import ClosingTransport, Flow

log = logging.getLogger("latchkey")

MAX_HEAD_BYTES = 32768
HEAD_END = b"\r\n\r\n"
# So much may come with a body that is not its content: sizes of chunks, their extensions, fields after the body …
MAX_FRAMING_BYTES = 32768
# … and besides, for each byte, what is needed where every byte is a chunk.
FRAMING_PER_BYTE = 8
# So many requests wait while one is being answered; what comes after them is not read.
MAX_REQUESTS_AHEAD = 20
# A body is read in pieces of at least so many bytes, in which fewer than so many heads can end.
MIN_PIECE_BYTES = 256
MAX_HEADS_IN_A_PIECE = 11


class BoundedProtocol(HttpToolsProtocol):
    """Reads requests piece by piece, a bounded number ahead, and ends the connection where a bound is passed.

    A head that is too large is answered 431, one that does not arrive 408, one that is none 400: after the answers to
    the requests before it. Fields after a body are dropped; as headers they would come after the checks of those
    (RFC 9110 6.5.1). uvicorn itself closes a connection on which no new request begins for five seconds.
    """

    flow: Flow
    transport: ClosingTransport  # type: ignore[assignment]
    # What has arrived, and how much of it has been read.
    unread, read_to = b"", 0
    # The request that is arriving.
    url = b""
    noted: hosts.Headers
    head, head_bytes, is_in_body, framing_left = b"", 0, False, 0
    # What the last piece was: how much of a body, and whether a request ended in it.
    body_bytes, has_ended = 0, False
    # Whether what comes from now on is thrown away.
    is_last = False
    answering: RequestResponseCycle | None = None
    refusal: bytes | None = None
    deadline: asyncio.TimerHandle | None = None

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

    def data_received(self, data: bytes) -> None:
        if self.is_last:
            return
        self._unset_keepalive_if_required()
        if data.find(HEAD_END) == len(data) - len(HEAD_END) and not (self.unread or self.is_in_body or self.pipeline):
            self.feed(data)  # one whole head, as nearly always
            return
        self.unread += data
        if not self.flow.is_held:
            self.read()

    def read(self) -> None:
        """Read what has arrived, piece by piece, while not too many requests wait for their answers."""
        while self.read_to < len(self.unread) and not self.is_last:
            may_come = MAX_HEADS_IN_A_PIECE if self.is_in_body else 1
            if len(self.pipeline) + may_come >= MAX_REQUESTS_AHEAD:
                self.flow.hold()
                return
            first, self.read_to = self.read_to, self.end_of_piece()
            self.feed(self.unread[first : self.read_to])
        self.unread, self.read_to = b"", 0
        if self.flow.is_held:
            self.flow.release()

    def end_of_piece(self) -> int:
        """Return where the next piece ends: where a head ends, so that each head is counted by itself."""
        first, most = self.read_to, self.read_to + MAX_HEAD_BYTES
        end = self.unread.find(HEAD_END, first + MIN_PIECE_BYTES if self.is_in_body else first, most)
        return end + len(HEAD_END) if end >= 0 else min(most, len(self.unread))

    def feed(self, piece: bytes) -> None:
        """Let the parser read a piece, and count it."""
        was_in_body, self.has_ended = self.is_in_body, False
        if was_in_body:
            self.body_bytes = 0
        else:
            self.head_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:  # there is no other protocol: it is answered, and what follows is not read
            self.cycle.keep_alive, self.is_last = False, True
        except httptools.HttpParserError as error:
            if not self.is_last:
                self.refuse(getattr(error.__context__, "status", 400), piece)
        else:
            if was_in_body:
                self.count_body(len(piece))
            if not self.is_in_body and (not self.has_ended or self.scope is not self.cycle.scope):
                self.count_head(piece)  # something has come of the next request

    def count_body(self, received: int) -> None:
        """Count what has come with a body and is not its content; what comes after the body is a head's."""
        if self.has_ended:
            self.head_bytes = received - self.body_bytes
            return
        self.framing_left -= received - (1 + FRAMING_PER_BYTE) * self.body_bytes
        if self.framing_left < 0:
            log.warning("A connection was ended: too much came after a body or between its chunks")
            self.abort()

    def count_head(self, piece: bytes) -> None:
        """Refuse a head that is too large, or keep its beginning and give it time to arrive."""
        if self.head_bytes > MAX_HEAD_BYTES:
            self.refuse(431, piece)
        elif self.deadline is None:
            self.wait_for_head()
        self.head = (self.head + piece)[: refusals.MAX_BYTES]

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_in_body:
            self.drop_field()
            return
        name = name.lower()
        if name in hosts.NOTED:
            self.noted.append((name, value.strip(b" \t")))
        self.headers.append((name, value))

    def drop_field(self) -> None:
        """Leave out a field after the body; this request is the connection's last."""
        if self.cycle.keep_alive:
            log.warning("Fields after a body were left out, and the connection ended")
        self.cycle.keep_alive = False
        self.framing_left = min(self.framing_left, MAX_FRAMING_BYTES)

    def on_headers_complete(self) -> None:
        if self.is_last:
            return
        if self.deadline is not None:
            self.stop_waiting()
        if self.head_bytes > MAX_HEAD_BYTES:
            raise BadHead(431)
        version = self.parser.get_http_version()
        if not hosts.is_usual(version, self.url, self.noted):
            self.check_head(version)
        self.noted.clear()
        super().on_headers_complete()
        if not self.pipeline:
            self.answering = self.cycle
        self.is_in_body, self.head_bytes, self.framing_left = True, 0, MAX_FRAMING_BYTES

    def check_head(self, version: str) -> None:
        """Look at a head that is not like most.

        Raises:
            BadHead: it is not as HTTP wants it.
        """
        hosts.check(version, self.noted)
        is_for_the_server = self.url == b"*" and self.parser.get_method() == b"OPTIONS"
        if not (self.url.startswith(b"/") or is_for_the_server):
            host, self.url = hosts.split_absolute(self.url)
            self.headers[:] = [(name, host if name == b"host" else value) for name, value in self.headers]
        self.expect_100_continue = version == "1.1" and hosts.expects_100_continue(self.noted)

    def on_body(self, body: bytes) -> None:
        if self.is_in_body:
            self.body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.is_in_body:
            self.is_in_body, self.has_ended = False, True
            self.cycle.more_body = False
            self.cycle.message_event.set()
            self.is_last = not self.cycle.keep_alive

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_ending:
            return
        self.others.answered(self)
        if self.pipeline:
            self.answering, app = self.pipeline.pop()
            self._start_asgi_task(self.answering, app)
        if self.unread and not self.pipeline:
            self.read()
        if self.is_answering():
            self.flow.resume_reading()
        else:
            self.all_answered()

    def all_answered(self) -> None:
        """Go on when nothing waits for an answer: wait for the next request, or close."""
        if self.refusal is not None:
            self.send_refusal(self.refusal)
        elif self.is_last or self.is_in_body:  # in a body: it was answered before all of it had arrived
            self.transport.close()
        else:
            self.flow.resume_reading()
            if self.deadline is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

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
            self.all_answered()

    def forget_body(self) -> None:
        """Let go of the request whose body cannot be read; if its answer has begun, there cannot be another."""
        disconnect(self.cycle)
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
        elif self.cycle.response_started:
            self.transport.close()

    def send_refusal(self, answer: bytes) -> None:
        """Write the answer and close the connection, whatever comes between."""
        try:
            if not self.transport.is_closing():
                self.transport.write(answer)
        finally:
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
        self.transport.close_idle()

    def shutdown(self) -> None:
        if self.is_answering():
            self.is_last = not self.is_in_body
            self.cycle.keep_alive = False
        else:
            self.transport.close_idle()

    def abort(self) -> None:
        """End the connection at once."""
        self.is_last = True
        self.transport.abort()


def disconnect(cycle: RequestResponseCycle) -> None:
    """Tell the application that nobody waits for this answer any more."""
    cycle.disconnected = True
    cycle.message_event.set()
