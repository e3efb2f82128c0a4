"""What a client may send before it is answered: a head of bounded size, in bounded time (ASVS 4.2.1, 15.2.2)."""

import asyncio

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from webapp import settings
from webapp.protocol import MAX_HEAD_BYTES, BoundedProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: testserver\r\n"


class Timer:
    """A timer that a test lets ring."""

    def __init__(self, seconds, call, *arguments):
        self.seconds, self.call, self.arguments, self.cancelled = seconds, call, arguments, False

    def cancel(self):
        self.cancelled = True

    def ring(self):
        assert not self.cancelled
        self.call(*self.arguments)


class Wire(asyncio.Transport):
    """A connection whose other end is the test; it is closed when our side has ended."""

    def __init__(self):
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent, self.closed, self.aborted, self.paused, self.not_read = b"", False, False, False, 0

    def write(self, data):
        assert not self.closed
        self.sent += data

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def write_eof(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True

    def get_write_buffer_size(self):
        return self.not_read

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False


class Connection(BoundedProtocol):
    """The protocol, with requests that are only counted and timers that are only kept."""

    def __init__(self):
        super().__init__(Config(lambda scope: None, lifespan="off"), ServerState(), {})
        self.timers, self.begun, self.loop = [], 0, self
        self.wire = Wire()
        self.connection_made(self.wire)

    def call_later(self, seconds, call, *arguments):
        self.timers.append(Timer(seconds, call, *arguments))
        return self.timers[-1]

    def _start_asgi_task(self, cycle, app):
        self.begun += 1
        cycle.response_complete = True


@pytest.fixture
def connection():
    async def connected():
        return Connection()

    return asyncio.run(connected())


def status_of(wire):
    return int(wire.sent.split()[1]) if wire.sent else None


def test_a_whole_head_is_served_and_waits_for_nothing_more(connection):
    connection.data_received(HEAD + b"\r\n")
    assert connection.begun == 1
    assert [timer.cancelled for timer in connection.timers] == [True]
    assert not connection.wire.sent


def test_nothing_at_all_is_408_in_the_end(connection):
    assert connection.timers[0].seconds == settings.BODY_TIMEOUT_SECONDS
    connection.timers[0].ring()
    assert (status_of(connection.wire), connection.wire.closed) == (408, True)


def test_a_head_that_trickles_does_not_move_its_deadline(connection):
    for byte in HEAD:
        connection.data_received(bytes([byte]))
    assert len(connection.timers) == 1
    connection.timers[0].ring()
    assert (status_of(connection.wire), connection.wire.closed, connection.begun) == (408, True, 0)


def test_the_next_request_of_a_connection_has_a_deadline_too(connection):
    connection.data_received(HEAD + b"\r\n")
    connection.data_received(HEAD)
    connection.timers[-1].ring()
    assert (status_of(connection.wire), connection.begun) == (408, 1)


def test_a_lost_connection_has_no_deadline(connection):
    connection.connection_lost(None)
    assert connection.timers[0].cancelled


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_head_without_end_is_431(connection, pieces):
    endless = HEAD + b"X: " + b"a" * 3 * MAX_HEAD_BYTES
    step = len(endless) // pieces + 1
    for first in range(0, len(endless), step):
        if not connection.wire.closed:
            connection.data_received(endless[first : first + step])
    assert (status_of(connection.wire), connection.wire.closed, connection.begun) == (431, True, 0)


def test_many_headers_count_as_one_head(connection):
    for number in range(MAX_HEAD_BYTES // 8 + 1):
        if not connection.wire.closed:
            connection.data_received((HEAD if number == 0 else b"") + b"A%05d:\r\n" % number)
    assert status_of(connection.wire) == 431


def test_a_body_is_no_head(connection):
    connection.data_received(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"a" * 200_000)
    assert (connection.begun, connection.wire.sent) == (1, b"")


def test_what_is_no_http_is_refused_in_the_clients_form(connection):
    connection.data_received(b"GETT /api/me HTTP/1.1\r\nHost: testserver\r\n\r\n")
    head, _, body = connection.wire.sent.partition(b"\r\n\r\n")
    assert status_of(connection.wire) == 400
    assert b"content-type: application/json" in head
    assert b"content-security-policy: " in head
    assert b"content-length: %d" % len(body) in head
    assert b'{"detail":"This request could not be read.' in body


@pytest.mark.parametrize(
    "garbage", [b"\0\xff\x16\x03\r\n\r\n", b" \r\n\r\n", b"GET\r\n\r\n", b"G /\xff HTTP/1.1\r\n:\r\n\r\n"]
)
def test_garbage_is_400(connection, garbage):
    connection.data_received(garbage)
    assert (status_of(connection.wire), connection.wire.closed) == (400, True)
