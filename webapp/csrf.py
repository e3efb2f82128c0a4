"""Cross-site writes are refused by what the browser itself says of where they come from.

No token and no hidden field: browsers send Sec-Fetch-Site, older ones Origin; programs send neither (ASVS 3.5.1).
"""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from webapp import answers, origins

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
LOGINS = {"/auth/token", "/api/login", "/auth/link", "/api/link", "/auth/set-up", "/api/set-up"}
SENTENCE = "This came from another site, so nothing was done. Open the page here and try again."


class CrossSiteGuard:
    """Answers 403 to a write that another site's page has sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and is_cross_site(scope):
            return answers.refusal(Request(scope), 403, SENTENCE)(scope, receive, send)
        return self.app(scope, receive, send)


def is_cross_site(scope: Scope) -> bool:
    """Return whether a browser sent this from another site's page.

    With a good token in the header it may come from anywhere, since no page can add that unasked; but not a login.
    """
    by_token = scope["auth"].sign_in is not None and not scope["auth"].by_cookie
    if by_token and scope["path"] not in LOGINS:
        return False
    headers = Headers(scope=scope)
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] not in ("same-origin", "none")
    return "origin" in headers and not origins.is_own(scope, headers["origin"])
