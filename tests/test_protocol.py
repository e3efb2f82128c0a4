"""What a client may send before it is answered: a head of bounded size, in bounded time (ASVS 4.2.1, 15.2.2)."""

import asyncio
import re

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from tests.pace import seconds_of
from webapp import settings
from webapp.protocol import STOP_SECONDS, BoundedProtocol
from webapp.request_reader import MAX_BODY_BYTES_AHEAD, MAX_HEAD_BYTES, MAX_REQUESTS_AHEAD
from webapp.transport import LINGER_SECONDS

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
        super().__init__(Config(lambda scope: None, lifespan="off", access_log=False), ServerState(), {})
        self.timers, self.begun, self.loop, self.answers, self.now = [], 0, self, True, 0.0
        self.wire = Wire()
        self.connection_made(self.wire)

    def call_later(self, seconds, call, *arguments):
        self.timers.append(Timer(seconds, call, *arguments))
        return self.timers[-1]

    def time(self):
        return self.now

    def _start_asgi_task(self, cycle, app):
        self.begun += 1
        if self.answers:
            cycle.response_complete = True

    def answer(self):
        """Answer the request whose turn it is."""
        with pytest.raises(StopIteration):  # it waits for nothing, so it needs no loop
            answer(self.answering).send(None)


async def answer(cycle):
    """Answer 200 with nothing in it."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
    await cycle.send(start)
    await cycle.send({"type": "http.response.body", "body": b""})


def new_connection():
    async def connected():
        return Connection()

    return asyncio.run(connected())


@pytest.fixture
def connection():
    return new_connection()


def open_to(*hosts, version=b"1.1", method=b"GET", target=b"/", more=b""):
    """Return a head with these Hosts."""
    return (
        b"%s %s HTTP/%s\r\n" % (method, target, version)
        + b"".join(b"Host: %s\r\n" % host for host in hosts)
        + more
        + b"\r\n"
    )


def ring(connection, seconds):
    """Let the timers ring that wait now, for this number of seconds."""
    for timer in [timer for timer in connection.timers if timer.seconds == seconds and not timer.cancelled]:
        timer.cancelled = True
        timer.call(*timer.arguments)


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


def test_an_idle_connection_is_closed_five_seconds_after_its_last_answer(connection):
    connection.answers = False
    for second in range(4):
        connection.now = second
        connection.data_received(GET)
        connection.answer()
    assert [timer.seconds for timer in connection.timers] == [settings.BODY_TIMEOUT_SECONDS, 5]
    connection.now = 5
    connection.timers[-1].ring()
    assert (connection.wire.closed, connection.timers[-1].seconds) == (False, 3)
    connection.now = 8
    connection.timers[-1].ring()
    assert connection.wire.closed


def test_a_connection_that_is_being_answered_is_not_idle(connection):
    connection.answers = False
    connection.data_received(GET)
    connection.answer()
    connection.data_received(GET)
    connection.now = 100
    connection.timers[-1].ring()
    assert not connection.wire.closed
    connection.answer()
    assert (len(connection.timers), connection.timers[-1].seconds) == (3, 5)


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_a_lost_connection_that_was_idle_is_waited_for_no_more(connection, error):
    connection.answers = False
    connection.data_received(GET)
    connection.answer()
    connection.connection_lost(error)
    assert all(timer.cancelled for timer in connection.timers)


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


CHUNKED = open_to(b"a", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
GET = HEAD + b"\r\n"


def test_fields_after_a_body_are_no_headers_and_end_the_connection(connection):
    connection.answers = False
    fields = b"Authorization: Bearer x\r\ncookie: session=x\r\nX-Forwarded-For: 1.2.3.4\r\nHost: b\r\n"
    connection.data_received(CHUNKED + b"3\r\na=b\r\n0\r\n" + fields)
    connection.data_received(b"Content-Type: text/plain\r\n\r\n" + GET)
    assert connection.cycle.scope["headers"] == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]
    assert (connection.begun, bytes(connection.cycle.body), connection.cycle.more_body) == (1, b"a=b", False)
    assert (connection.cycle.keep_alive, connection.is_last) == (False, True)
    connection.answer()
    assert connection.wire.closed
    assert b"connection: close" in connection.wire.sent


@pytest.mark.parametrize(
    "endless",
    [
        b"3\r\na=b\r\n0\r\n" + b"a:\r\n" * 20_000,
        b"0\r\na: " + b"a" * 80_000,
        b"3;" + b"a" * 80_000,
        b"3;a=" + b"a;" * 40_000,
    ],
    ids=["fields", "one field", "extension", "extensions"],
)
@pytest.mark.parametrize("pieces", [1, 9, 9000])
def test_what_comes_between_chunks_or_after_them_is_bounded(connection, endless, pieces):
    connection.answers = False
    connection.data_received(CHUNKED)
    step = len(endless) // pieces + 1
    for first in range(0, len(endless), step):
        if not connection.wire.aborted:
            connection.data_received(endless[first : first + step])
    assert connection.wire.aborted


def test_a_body_of_the_smallest_chunks_is_taken(connection):
    connection.answers = False
    connection.data_received(CHUNKED + b"1\r\na\r\n" * 65536 + b"0\r\n\r\n")
    assert (len(connection.cycle.body), connection.cycle.more_body, connection.wire.closed) == (65536, False, False)


GOOD_HOSTS = [
    b"a",
    b"A.example:443",
    b"127.0.0.1:8000",
    b"[::1]",
    b"[2001:db8::7]:80",
    b"a:",
    b"my_host",
    b"xn--4ca.de.",
    b"a%2db",
    b" a \t",
]
BAD_HOSTS = [
    b"", b" ", b"ev il", b"a,b", b"a, a", b"a/b", b"u@a", b"a?b", b"a#b", b"a\\b", b"a:b", b"a:80:80", b"a:99999", b"::1", b"[::1", b"[::1]x", b"[a]",
    b"[127.0.0.1]", b"[]", b"a%zz", b"a%2", b"<a>", b'"a"', b"a|b", b"\xc3\xa4", b"a" * 301, b"http://a", b":80",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_host_is_taken(connection, host):
    connection.data_received(open_to(host))
    assert (connection.begun, connection.wire.sent) == (1, b"")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("hosts", [[host] for host in BAD_HOSTS] + [[b"a", b"a"], [b"a", b"b"], [b"", b"a"]])
def test_anything_but_one_good_host_is_400(connection, hosts, version):
    connection.data_received(open_to(*hosts, version=version))
    assert (connection.begun, status_of(connection.wire), connection.wire.closed) == (0, 400, True)


def test_no_host_is_400_but_in_http_1_0(connection):
    connection.data_received(open_to())
    assert (connection.begun, status_of(connection.wire)) == (0, 400)


def test_http_1_0_needs_no_host(connection):
    connection.data_received(open_to(version=b"1.0"))
    assert (connection.begun, connection.wire.sent) == (1, b"")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://b/x?y=1", "/x", b"y=1"),
        (b"http://b", "/", b""),
        (b"HTTPS://b:443?y", "/", b"y"),
        (b"http://[::1]/", "/", b""),
    ],
)
def test_the_host_of_an_absolute_target_counts(connection, target, path, query):
    connection.data_received(open_to(b"a", target=target))
    scope = connection.cycle.scope
    assert (connection.begun, scope["path"], scope["query_string"]) == (1, path, query)
    assert scope["headers"] == [(b"host", target.split(b"/")[2].split(b"?")[0])]


@pytest.mark.parametrize(
    "target", [b"ftp://b/", b"http://u@b/", b"http:///x", b"http://b,c/", b"a:443", b"x:y", b"/a\0b", b"*", b"*x"]
)
def test_other_targets_are_400(connection, target):
    connection.data_received(open_to(b"a", target=target))
    assert (connection.begun, status_of(connection.wire)) == (0, 400)


@pytest.mark.parametrize(
    ("version", "more"),
    [
        (b"1.1", b"Transfer-Encoding: gzip, chunked\r\n"),
        (b"1.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        (b"1.1", b"Transfer-Encoding: gzip\r\n"),
        (b"1.1", b"Transfer-Encoding: identity\r\n"),
        (b"1.0", b"Transfer-Encoding: chunked\r\n"),
        (b"1.1", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
        (b"1.1", b"Content-Length: 3\r\nContent-Length: 3\r\n"),
        (b"1.1", b"Content-Length: -3\r\n"),
        (b"1.1", b"Content-Length: 99999999999999999999\r\n"),
        (b"2.0", b""),
        (b"0.9", b""),
    ],
)
def test_who_does_not_tell_where_a_body_ends_is_400(connection, version, more):
    connection.data_received(open_to(b"a", version=version, method=b"POST", more=more))
    assert (connection.begun, status_of(connection.wire), connection.wire.closed) == (0, 400, True)


def test_the_server_itself_may_be_asked_for_its_options(connection):
    connection.data_received(open_to(b"a", method=b"OPTIONS", target=b"*"))
    assert (connection.begun, connection.wire.sent) == (1, b"")


def test_a_chunked_body_is_taken_however_it_is_written(connection):
    connection.data_received(open_to(b"a", method=b"POST", more=b"Transfer-Encoding: Chunked\r\n") + b"0\r\n\r\n")
    assert (connection.begun, connection.wire.sent) == (1, b"")


def test_at_most_twenty_requests_are_read_ahead_and_all_are_answered_in_order(connection):
    connection.answers = False
    many = b"".join(open_to(b"a", target=b"/%d" % number) for number in range(900))
    connection.data_received(many[:20_000])
    connection.data_received(many[20_000:])
    answered = []
    while connection.is_answering():
        assert len(connection.pipeline) <= MAX_REQUESTS_AHEAD
        assert connection.wire.paused or not connection.unread
        answered.append(connection.answering.scope["path"])
        connection.answer()
    assert answered == [f"/{number}" for number in range(900)]
    assert (connection.wire.closed, connection.unread, connection.wire.paused) == (False, b"", False)


@pytest.mark.parametrize("step", [1, 7, 100, 5000])
def test_at_most_twenty_requests_with_bodies_are_read_ahead(connection, step):
    connection.answers = False
    one = open_to(b"a", method=b"POST", more=b"Content-Length: 3\r\n") + b"a=b" + CHUNKED + b"3\r\na=b\r\n0\r\n\r\n"
    many = (one + b"GET / HTTP/1.1\r\nHost:a\r\n\r\n" * 40) * 5
    for first in range(0, len(many), step):
        connection.data_received(many[first : first + step])
        assert len(connection.pipeline) <= MAX_REQUESTS_AHEAD
    count = 0
    while connection.is_answering():
        connection.answer()
        count += 1
    assert count == 5 * 42


@pytest.mark.parametrize("step", [30_000, 250_000])
@pytest.mark.parametrize("size", [60_000, 20_000])
def test_what_is_kept_of_bodies_of_requests_that_wait_is_bounded(connection, step, size):
    """Twenty forms of 64 KB were up to 730 KB for each connection whose client does not read."""
    connection.answers = False
    one = open_to(b"a", method=b"POST", more=b"Content-Length: %d\r\n" % size) + b"a" * size
    many, sent, count = one * 15, 0, 0
    while sent < len(many) or connection.is_answering():
        while sent < len(many) and not connection.wire.paused:
            connection.data_received(many[sent : sent + step])
            sent += step
        kept = sum(len(cycle.body) for cycle, _ in connection.pipeline) + len(connection.unread)
        assert kept <= MAX_BODY_BYTES_AHEAD + MAX_HEAD_BYTES + step
        connection.answer()
        count += 1
    assert count == 15


@pytest.mark.parametrize("before", [b"", GET, open_to(b"a", method=b"POST", more=b"Content-Length: 3\r\n") + b"a=b"])
@pytest.mark.parametrize(
    ("size", "expected"), [(MAX_HEAD_BYTES, None), (MAX_HEAD_BYTES + 1, 431), (3 * MAX_HEAD_BYTES, 431)]
)
def test_a_head_is_counted_from_where_it_begins(connection, before, size, expected):
    head = HEAD + b"X: " + b"a" * (size - len(HEAD) - 7) + b"\r\n\r\n"
    assert len(head) == size
    connection.data_received(before + head)
    assert status_of(connection.wire) == expected
    assert connection.begun == bool(before) + (expected is None)


@pytest.mark.parametrize("garbage", [b"nonsense\r\n\r\n", open_to(), b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000])
def test_a_refusal_waits_for_its_turn(connection, garbage):
    connection.answers = False
    connection.data_received(GET + GET + garbage)
    assert (connection.wire.sent, connection.wire.closed) == (b"", False)
    connection.answer()
    connection.answer()
    assert re.findall(rb"HTTP/1.1 (\d+)", connection.wire.sent) in ([b"200", b"200", b"400"], [b"200", b"200", b"431"])
    assert connection.wire.closed


def test_a_body_that_cannot_be_read_is_400_and_its_request_is_forgotten(connection):
    connection.answers = False
    connection.data_received(CHUNKED + b"nonsense\r\n")
    assert (status_of(connection.wire), connection.wire.closed, connection.cycle.disconnected) == (400, True, True)


def test_a_queued_body_that_cannot_be_read_is_400_in_its_turn(connection):
    connection.answers = False
    connection.data_received(GET + CHUNKED + b"nonsense\r\n")
    assert connection.wire.sent == b""
    connection.answer()
    assert re.findall(rb"HTTP/1.1 (\d+)", connection.wire.sent) == [b"200", b"400"]
    assert connection.begun == 1


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GET /api/x HTTP/1.1\r\n", b"application/json"),
        (b"GET / HTTP/1.1\r\nAccept: application/json\r\n", b"application/json"),
        (b"GET / HTTP/1.1\r\nHX-Request: true\r\n", b"hx-retarget"),
        (b"GET / HTTP/1.1\r\nAccept: text/html\r\n", b"<!doctype html>"),
        (b"", b"<!doctype html>"),
    ],
)
def test_a_late_head_is_refused_in_the_clients_form_and_no_file_is_opened(connection, monkeypatch, head, kind):
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("webapp.templating.templates.get_template", None)
    for byte in head:
        connection.data_received(bytes([byte]))
    connection.timers[-1].ring()
    assert status_of(connection.wire) == 408
    assert kind in connection.wire.sent.lower()


def test_a_refusal_of_head_has_no_body(connection):
    connection.data_received(open_to(b"ev il", method=b"HEAD"))
    assert status_of(connection.wire) == 400
    assert connection.wire.sent.endswith(b"\r\n\r\n")


def test_a_refusal_that_cannot_be_written_closes_all_the_same(connection):
    def fail(data):
        raise OSError

    connection.transport.write = fail
    with pytest.raises(OSError):
        connection.timers[0].ring()
    assert connection.wire.closed


def test_a_closed_connection_ends_after_a_moment_whatever_comes(connection):
    connection.data_received(b"nonsense\r\n\r\n")
    connection.data_received(b"more" * 1000)
    assert connection.unread == b""
    assert (connection.wire.closed, connection.wire.aborted) == (True, False)
    ring(connection, LINGER_SECONDS)
    assert connection.wire.aborted


def test_a_closed_connection_waits_for_who_reads_and_not_for_who_does_not(connection):
    connection.wire.not_read = 200_000
    connection.data_received(b"nonsense\r\n\r\n")
    ring(connection, LINGER_SECONDS)
    connection.wire.not_read = 100_000
    ring(connection, settings.BODY_TIMEOUT_SECONDS)
    assert not connection.wire.aborted
    ring(connection, settings.BODY_TIMEOUT_SECONDS)
    assert connection.wire.aborted


def test_a_client_that_does_not_read_is_cut_off(connection):
    connection.wire.not_read = 70_000
    connection.pause_writing()
    ring(connection, settings.BODY_TIMEOUT_SECONDS)
    assert connection.wire.aborted


def test_a_client_that_reads_is_not_cut_off(connection):
    connection.pause_writing()
    connection.resume_writing()
    assert connection.timers[-1].cancelled


def test_an_answer_before_the_whole_request_ends_the_connection(connection):
    connection.answers = False
    connection.data_received(open_to(b"a", method=b"POST", more=b"Content-Length: 30\r\n") + b"a=b")
    connection.answer()
    assert connection.wire.closed
    connection.data_received(b"a" * 27 + GET)
    assert connection.begun == 1


def test_nothing_is_read_after_the_last_request(connection):
    connection.answers = False
    connection.data_received(open_to(b"a", more=b"Connection: close\r\n") + GET)
    connection.data_received(GET)
    connection.answer()
    assert (connection.begun, connection.wire.closed) == (1, True)
    assert connection.wire.sent.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
def test_another_protocol_is_not_for_us(connection, caplog, protocol):
    connection.answers = False
    connection.data_received(open_to(b"a", more=b"Connection: Upgrade\r\nUpgrade: %s\r\n" % protocol) + GET)
    connection.answer()
    assert (connection.begun, connection.wire.sent.count(b"HTTP/1.1 200"), connection.wire.closed) == (1, 1, True)
    assert not caplog.records


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n", b"\r"])
def test_empty_lines_after_an_answer_are_a_head_that_does_not_come(connection, lines):
    connection.answers = False
    connection.data_received(GET)
    connection.answer()
    idle = connection.timers[-1]
    assert idle.seconds == connection.timeout_keep_alive
    connection.data_received(lines)
    connection.now += 10
    idle.ring()
    assert not connection.wire.closed
    connection.timers[-1].ring()
    assert re.findall(rb"HTTP/1.1 (\d+)", connection.wire.sent) == [b"200", b"408"]


def test_who_ends_its_side_gets_its_answers(connection):
    connection.answers = False
    connection.data_received(GET + GET)
    assert connection.eof_received()
    connection.answer()
    assert not connection.wire.closed
    connection.answer()
    assert (connection.wire.closed, connection.wire.sent.count(b"HTTP/1.1 200")) == (True, 2)


@pytest.mark.parametrize("part", [b"", HEAD, CHUNKED + b"3\r\na"])
def test_who_ends_its_side_before_the_whole_request_is_let_go(connection, part):
    connection.answers = False
    connection.data_received(part) if part else None
    assert not connection.eof_received()
    assert connection.wire.closed
    assert connection.cycle is None or connection.cycle.disconnected


def test_every_request_of_a_lost_connection_hears_of_it(connection):
    """uvicorn tells the last one only; the one that is being answered then writes to what is closed."""
    connection.answers = False
    connection.data_received(GET + GET)
    first = connection.answering
    connection.connection_lost(None)
    assert first.disconnected
    assert not connection.pipeline
    assert all(timer.cancelled for timer in connection.timers)


def test_a_stop_lets_the_running_requests_end_and_closes_the_rest(connection):
    connection.answers = False
    connection.data_received(GET)
    connection.shutdown()
    assert not connection.wire.closed
    connection.answer()
    assert connection.wire.closed


def test_a_stop_waits_a_few_seconds_for_a_client_that_still_sends(connection):
    connection.answers = False
    connection.data_received(b"POST / HTTP/1.1\r\nHost: testserver\r\nContent-Length: 9\r\n\r\nabc")
    connection.shutdown()
    assert not connection.wire.closed
    connection.timers[-1].ring()
    assert connection.timers[-1].seconds == STOP_SECONDS
    assert connection.wire.aborted


def test_a_stop_waits_a_few_seconds_for_a_client_that_does_not_read(connection):
    connection.answers = False
    connection.data_received(GET)
    connection.pause_writing()
    connection.shutdown()
    connection.timers[-1].ring()
    assert connection.wire.aborted


def test_a_stop_waits_for_an_answer_that_is_being_made(connection):
    connection.answers = False
    connection.data_received(GET)
    connection.shutdown()
    connection.timers[-1].ring()
    assert not connection.wire.closed
    connection.answer()
    assert connection.wire.closed


def test_a_stop_closes_an_idle_connection(connection):
    connection.shutdown()
    assert connection.wire.closed


@pytest.mark.parametrize("target", [b"/" + b"%" * 30_000, b"/?" + b"%z" * 10_000, b"/?" + b"a&" * 10_000])
def test_a_target_that_takes_long_to_read_is_400(connection, target):
    connection.data_received(b"GET " + target + b" HTTP/1.1\r\nHost: testserver\r\n\r\n")
    if b"%" in target:
        assert (status_of(connection.wire), connection.wire.closed, connection.begun) == (400, True, 0)
    else:  # the application counts the fields of a query
        assert connection.begun == 1


@pytest.mark.parametrize("size", [65536, 1448])
@pytest.mark.parametrize("piece", [b"\r\n", b"\r\n\r\n", b"\n"])
def test_empty_lines_before_a_head_are_read_in_no_time(piece, size):
    """A head was looked for at the end of each of them: 7 ms."""
    lines = piece * (65_000 // len(piece))
    connections = [new_connection() for _ in range(9)]

    def read():
        connection = connections.pop()
        for first in range(0, len(lines), size):
            connection.data_received(lines[first : first + size])
        assert status_of(connection.wire) == 431

    assert seconds_of(read, 0.005) < 0.005


@pytest.mark.parametrize("size", [1, 2, 3, 19, 1000])
def test_empty_lines_before_a_head_are_no_head(connection, size):
    heads = (b"\r\n" * 9 + open_to(b"a") + b"\r\n" + open_to(version=b"1.0")) * 2
    for first in range(0, len(heads), size):
        connection.data_received(heads[first : first + size])
    assert connection.begun == 2
    assert connection.is_last  # HTTP/1.0 keeps no connection


def test_a_target_may_have_some_percent_signs_that_are_just_that(connection):
    connection.data_received(b"GET /100%?q=50%+%41%zz HTTP/1.1\r\nHost: testserver\r\n\r\n")
    assert connection.begun == 1
