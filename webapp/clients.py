"""Which of the three clients is asking: a browser, an HTMX page or a program that wants JSON."""

from enum import Enum

from starlette.requests import Request

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"


class Client(Enum):
    """The three columns of the outcome table."""

    BROWSER = "browser"
    HTMX = "htmx"
    JSON = "json"


def client_of(request: Request) -> Client:
    """Return the form in which the client wants its answer; without a wish it is HTML, and JSON from /auth/token."""
    headers = request.headers
    if request.scope["path"].startswith("/api/") or expects_json(request):
        return Client.JSON
    if headers.get("hx-request") == "true" and headers.get("hx-history-restore-request") != "true":
        return Client.HTMX
    json_wish, html_wish = (wish(headers.get("accept", ""), kind) for kind in (JSON_TYPE, HTML_TYPE))
    if json_wish == html_wish:
        return Client.JSON if request.scope["path"] == "/auth/token" else Client.BROWSER
    return Client.JSON if json_wish > html_wish else Client.BROWSER


def expects_json(request: Request) -> bool:
    """Return whether the header x-expected-format, or else the form field of that name, asks for JSON."""
    expected = request.headers.get("x-expected-format") or request.scope.get("expected_format", "")
    return bool(expected.lower() == JSON_TYPE)


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
