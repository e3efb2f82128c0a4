"""The security headers of every answer, made once (ASVS 3.4)."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp import forms

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EVERYWHERE = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
PERSONAL = [(b"cache-control", b"no-store"), (b"vary", b"HX-Request, Accept, Cookie")]
PUBLIC = [(b"cache-control", b"public, max-age=3600")]
FOR_EVER = [(b"cache-control", b"public, max-age=31536000, immutable")]
# NO_REFERRER is for pages whose address has a token, which their requests for scripts and styles must not carry either.
SAME_ORIGIN = (b"referrer-policy", b"same-origin")
NO_REFERRER = (b"referrer-policy", b"no-referrer")
# The pages whose address comes with a token.
TOKEN_PAGES = {"/auth/link", "/api/link", "/auth/set-up", "/api/set-up"}
HTTPS_ONLY = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]

# By whether the browser came over HTTPS, by the Referer policy, and by how long everybody may keep the answer.
ANSWERS = {
    (https, referrer, kept): [*EVERYWHERE, referrer, *caching, *(HTTPS_ONLY if https else [])]
    for https in (False, True)
    for referrer in (SAME_ORIGIN, NO_REFERRER)
    for kept, caching in (("not", PERSONAL), ("an hour", PUBLIC), ("for ever", FOR_EVER))
}
A_FILE = {200, 206, 304}


def has_token(scope: Scope) -> bool:
    """Return whether a request's address may have a token, be it in a query that a mail program has encoded.

    A query that takes long to read, which is refused, may have one.
    """
    path, query = scope["path"], scope["query_string"]
    if path in TOKEN_PAGES or "?" in path:
        return True
    return query != b"" and (forms.takes_long(query) or b"token" in forms.unescaped(query))


def headers_for(scope: Scope, status: int) -> list[tuple[bytes, bytes]]:
    """Return the headers that the answer to a request must have."""
    if status in A_FILE and scope["path"].startswith("/static/"):
        kept = "for ever" if scope.get("immutable") else "an hour"
    else:
        kept = "not"
    referrer = NO_REFERRER if has_token(scope) else SAME_ORIGIN
    return ANSWERS[scope["scheme"] == "https", referrer, kept]


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers_for(scope, message["status"])]
            return send(message)

        return self.app(scope, receive, send_with_headers)
