"""Read requests from a connection: piece by piece, counted, and a bounded number ahead (ASVS 4.2.1, 15.2.2)."""

import asyncio
import logging

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from webapp import forms, hosts, refusals
from webapp.hosts import BadHead
from webapp.transport import ClosingTransport, Flow

log = logging.getLogger("latchkey")

MAX_HEAD_BYTES = 32768
HEAD_END = b"\r\n\r\n"
# Where the shortest head, of a GET of / in HTTP/1.0, has its HEAD_END; earlier ones are empty lines before a head.
MIN_HEAD_BYTES = 14
# So much may come with a body that is not its content: sizes of chunks, their extensions, fields after the body …
MAX_FRAMING_BYTES = 32768
# … and besides, for each byte, what is needed where every byte is a chunk.
FRAMING_PER_BYTE = 8
# How many requests wait while one is being answered; what comes after them is not read.
MAX_REQUESTS_AHEAD = 20
# The same where they have bodies; the last one of them may go beyond.
MAX_BODY_BYTES_AHEAD = 65536
# A body is read in pieces of at least this size, in which no more than this number of heads can end.
MIN_PIECE_BYTES = 256
MAX_HEADS_IN_A_PIECE = 11


class RequestReader(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what it reads and keeps.

    Fields after a body are dropped: as headers they would come after all that is decided by headers (RFC 9110 6.5.1).
    """

    flow: Flow
    transport: ClosingTransport  # type: ignore[assignment]
    # What has arrived, and how much of it has been read.
    unread, read_to = b"", 0
    # The request that is arriving, and whether it is in its body.
    url, head, head_bytes = b"", b"", 0
    noted: hosts.Headers
    is_in_body, framing_left = False, 0
    # What the last piece was: how much of a body, and whether a request ended in it.
    body_bytes, has_ended = 0, False
    # Whether what comes from now on is thrown away.
    is_last = False
    # The request whose turn it is, answered or not; those after it are in `pipeline`.
    answering: RequestResponseCycle | None = None
    # Since when nothing has come after the last answer.
    idle_since: float | None = None
    # When the head that is arriving must be whole.
    deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self.is_last or self.transport.is_ending:  # it is thrown away
            return
        self.idle_since = None
        if data.find(HEAD_END) == len(data) - len(HEAD_END) and not (self.unread or self.is_in_body or self.pipeline):
            self.feed(data)  # one whole head, as nearly always
            return
        self.unread += data
        if not self.flow.is_held:
            self.read()

    def read(self) -> None:
        """Read what has arrived, piece by piece, while not too many requests wait for their answers."""
        while self.read_to < len(self.unread) and not self.is_last:
            if self.has_enough_ahead():
                self.flow.hold()
                return
            first, self.read_to = self.read_to, self.end_of_piece()
            self.feed(self.unread[first : self.read_to])
        self.unread, self.read_to = b"", 0
        if self.flow.is_held:
            self.flow.release()

    def has_enough_ahead(self) -> bool:
        """Return whether as many requests, or as much of their bodies, wait for their answers as may be kept."""
        may_come = MAX_HEADS_IN_A_PIECE if self.is_in_body else 1
        if len(self.pipeline) + may_come >= MAX_REQUESTS_AHEAD:
            return True
        return sum(len(cycle.body) for cycle, _ in self.pipeline) >= MAX_BODY_BYTES_AHEAD

    def end_of_piece(self) -> int:
        """Return where the next piece ends: where a head ends, so that each head is counted by itself."""
        first, most = self.read_to, self.read_to + MAX_HEAD_BYTES
        end = self.unread.find(HEAD_END, first + self.bytes_before_head_end(), most)
        return end + len(HEAD_END) if end >= 0 else min(most, len(self.unread))

    def bytes_before_head_end(self) -> int:
        """Return how many bytes of the next piece come before the end of a head in it, at the least."""
        if self.is_in_body:
            return MIN_PIECE_BYTES
        has_begun = self.scope is not (self.cycle and self.cycle.scope)
        return 0 if has_begun else MIN_HEAD_BYTES

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
        # uvicorn takes the escapes out of the path before anything of ours is asked.
        if b"%" in self.url and forms.takes_long(self.url):
            raise BadHead
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

    def refuse(self, status: int, piece: bytes = b"") -> None:
        """Answer that this is no request."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the connection at once."""
        raise NotImplementedError

    def wait_for_head(self) -> None:
        """Give the client so long to send a whole head."""
        raise NotImplementedError

    def stop_waiting(self) -> None:
        """Forget the deadline, if there is one."""
        raise NotImplementedError
