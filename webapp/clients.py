"""Which of the three clients is asking: a browser, an HTMX page or a program that wants JSON."""

import functools
from enum import Enum

from starlette.requests import HTTPConnection, Request

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"
DIALOG = "relogin"
# Browsers send less than two hundred; each part that a hostile one adds would be read.
MAX_ACCEPT_LENGTH = 1000
TELLING = {b"x-expected-format", b"hx-request", b"hx-history-restore-request", b"accept"}


class Client(Enum):
    """The three columns of the outcome table."""

    BROWSER = "browser"
    HTMX = "htmx"
    JSON = "json"


def client_of(request: Request) -> Client:
    """Return the form in which the client wants its answer; without a wish it is HTML, and JSON from /auth/token."""
    scope = request.scope
    if scope["path"].startswith("/api/"):
        return Client.JSON
    told: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in TELLING:
            told.setdefault(name, value)
    expected = told.get(b"x-expected-format") or scope.get("expected_format", b"")
    if expected.lower() == JSON_TYPE.encode():
        return Client.JSON
    if told.get(b"hx-request") == b"true" and told.get(b"hx-history-restore-request") != b"true":
        return Client.HTMX
    return preferred(
        told.get(b"accept", b"")[:MAX_ACCEPT_LENGTH], Client.JSON if scope["path"] == "/auth/token" else Client.BROWSER
    )


def address_of(conn: HTTPConnection) -> str:
    """Return the client's address: the peer's, or what a trusted proxy says."""
    return conn.client.host[:45] if conn.client else ""


def is_in_dialog(request: Request) -> bool:
    """Return whether the form in the dialog in which one logs in again has sent this, and shows the answer."""
    is_form = request.method == "POST" and client_of(request) is Client.HTMX
    return is_form and request.headers.get("hx-target", "").rpartition("#")[2] == DIALOG


@functools.lru_cache(maxsize=1000)
def preferred(accept: bytes, without_preference: Client) -> Client:
    """Return the client that an Accept header tells of; each browser sends the same one again and again."""
    json_wish, html_wish = (wish(accept.decode("latin-1"), kind) for kind in (JSON_TYPE, HTML_TYPE))
    if json_wish == html_wish:
        return without_preference
    return Client.JSON if json_wish > html_wish else Client.BROWSER


def wish(accept: str, kind: str) -> tuple[float, int]:
    """Return how much an Accept header wants a media type, and how exactly it names it (RFC 9110 12.5.1)."""
    best = (0, 0.0)
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        exactness = {kind: 3, kind.split("/")[0] + "/*": 2, "*/*": 1}.get(name, 0)
        if exactness:
            best = max(best, (exactness, quality(parameters)))
    return (best[1], best[0]) if best[1] else (0.0, 0)


def quality(parameters: list[str]) -> float:
    """Return the `q` of a media type's parameters: 1 where there is none, 0 where it is no number."""
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
