"""The security headers of every answer, made once (ASVS 3.4)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EVERYWHERE = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
PERSONAL = [(b"cache-control", b"no-store"), (b"vary", b"HX-Request, Accept, Cookie")]
PUBLIC = [(b"cache-control", b"public, max-age=3600")]
HTTPS_ONLY = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]

ANSWERS = {
    ("http", False): EVERYWHERE + PERSONAL,
    ("http", True): EVERYWHERE + PUBLIC,
    ("https", False): EVERYWHERE + PERSONAL + HTTPS_ONLY,
    ("https", True): EVERYWHERE + PUBLIC + HTTPS_ONLY,
}


def headers_for(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that the answer to a request must have."""
    return ANSWERS[scope["scheme"], scope["path"].startswith("/static/")]


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ours = headers_for(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        await self.app(scope, receive, send_with_headers)
