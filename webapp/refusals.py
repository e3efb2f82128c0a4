"""The answers to what could not be read as a request, made at the start: no file need be open to send one."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.types import Scope

from webapp import answers, origins, settings
from webapp.clients import Client, client_of
from webapp.headers import headers_for

Headers = list[tuple[bytes, bytes]]

STATUSES = (400, 408, 431)
HEADERS_OF: dict[Client, Headers] = {
    Client.BROWSER: [],
    Client.HTMX: [(b"hx-request", b"true")],
    Client.JSON: [(b"accept", b"application/json")],
}
# So much of a head that could not be read is looked at.
MAX_BYTES, MAX_LINES = 4096, 50


def scope_of(path: str, headers: Headers) -> Scope:
    """Return what is known of a request that could not be read."""
    scheme = "https" if origins.is_https(settings.PUBLIC_URL) else "http"
    return {"type": "http", "scheme": scheme, "method": "GET", "path": path, "query_string": b"", "headers": headers}


def answer_for(status: int, client: Client) -> bytes:
    """Return a whole answer that ends the connection."""
    # As for an address that may have a token: which one it is for, is not known here.
    scope = scope_of("/auth/link", HEADERS_OF[client])
    response = answers.refusal(Request(scope), status)
    headers = [*response.raw_headers, *headers_for(scope, status), (b"connection", b"close")]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *map(b": ".join, headers), b"", b""]
    return b"\r\n".join(lines) + bytes(response.body)


ANSWERS = {(status, client): answer_for(status, client) for status in STATUSES for client in HEADERS_OF}


def refusal(status: int, path: bytes, headers: Headers, *, is_head: bool = False) -> bytes:
    """Return the answer in the client's form, as far as that is known; without its body for the method HEAD."""
    answer = ANSWERS[status, client_of(Request(scope_of(path.decode("latin-1"), headers)))]
    return answer[: answer.index(b"\r\n\r\n") + 4] if is_head else answer


def lines_in(head: bytes) -> tuple[bytes, Headers]:
    """Return the path and the headers in the beginning of a head that the parser has refused."""
    first, *lines = head[:MAX_BYTES].split(b"\r\n", MAX_LINES)
    words = first.split(b" ", 2)
    pairs = [line.partition(b":") for line in lines]
    return words[1] if len(words) > 1 else b"", [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]
