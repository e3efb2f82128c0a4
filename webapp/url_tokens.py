"""A token that comes in an address is moved into a cookie at once, so that no later address, log or Referer has it."""

import re

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies

# So long somebody may take to fill in the form that the address leads to.
KEPT_SECONDS = 3600
SHAPE = re.compile(r"[\w.-]{1,500}", re.ASCII)


def token_in_address(request: Request) -> str:
    """Return the one well-formed token in the address, "" where there is none; its form carries it from here on."""
    tokens = request.query_params.getlist("token")
    return tokens[0] if len(tokens) == 1 and SHAPE.fullmatch(tokens[0]) else ""


def unreferred(response: Response) -> Response:
    """Return an answer whose page tells nobody its address, which has a token in it (ASVS 14.2.1)."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def moved(request: Request, cookie: str) -> Response | None:
    """Return a redirect to the same path without its query, None where the address has no token (ASVS 14.2.1)."""
    token = request.query_params.get("token")
    if token is None:
        return None
    response = answers.redirect(request, request.scope["path"])
    if SHAPE.fullmatch(token):
        cookies.set_cookie(response, request, cookie, token, KEPT_SECONDS)
    else:  # copied with a sign too many: it may be nearly a good one, and must not stay in the address either
        forget(response, request, cookie)
    return response


def token_in(request: Request, cookie: str) -> str:
    """Return the token that was moved, "" where there is none."""
    return cookies.cookie_in(request, cookies.prefixed(request, cookie)) or ""


def forget(response: Response, request: Request, cookie: str) -> None:
    """Remove a token that has been used."""
    cookies.set_cookie(response, request, cookie, "", 0)
