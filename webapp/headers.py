"""The security headers of every answer, made once (ASVS 3.4)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The other is of pages whose address has a token, which their requests for scripts and styles must not carry either.
REFERRER, NO_REFERRER = (b"referrer-policy", b"same-origin"), (b"referrer-policy", b"no-referrer")
EVERYWHERE = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    REFERRER,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
PERSONAL = [(b"cache-control", b"no-store"), (b"vary", b"HX-Request, Accept, Cookie")]
PUBLIC = [(b"cache-control", b"public, max-age=3600")]
FOR_EVER = [(b"cache-control", b"public, max-age=31536000, immutable")]
HTTPS_ONLY = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]

# By whether the browser came over HTTPS, and by how long everybody may keep the answer.
ANSWERS = {
    (https, kept): EVERYWHERE + caching + (HTTPS_ONLY if https else [])
    for https in (False, True)
    for kept, caching in (("not", PERSONAL), ("an hour", PUBLIC), ("for ever", FOR_EVER))
}
A_FILE = {200, 206, 304}


def headers_for(scope: Scope, status: int) -> list[tuple[bytes, bytes]]:
    """Return the headers that the answer to a request must have."""
    if status in A_FILE and scope["path"].startswith("/static/"):
        kept = "for ever" if scope.get("immutable") else "an hour"
    else:
        kept = "not"
    return ANSWERS[scope["scheme"] == "https", kept]


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["scheme"] == "wss":
            scope["scheme"] = "https"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = headers_for(scope, message["status"])
                if NO_REFERRER in message["headers"]:
                    ours = [header for header in ours if header != REFERRER]
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        await self.app(scope, receive, send_with_headers)
