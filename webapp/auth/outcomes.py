"""The outcomes of asking who is there: not logged in, logged in, logged out, not allowed."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from webapp import answers, cookies
from webapp.auth import known_browsers
from webapp.auth.signins import Token
from webapp.clients import Client, client_of
from webapp.next_page import local_or_home, login_page
from webapp.quick import JSONAnswer

log = logging.getLogger("latchkey")

PLEASE_LOG_IN = "Please log in to continue"
SESSION_ENDED = "Your session has ended. Please log in to continue"
NOT_LOGGED_IN_BEFORE = "This session has not been logged in before"
LOGGED_OUT = "You are logged out"


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """Answer whatever was raised on the way, in the client's form."""
    assert isinstance(exc, HTTPException)
    if isinstance(exc, answers.FormRefused):
        return answers.form_refusal(request, exc)
    if isinstance(exc, answers.Refused):
        return answers.refusal(request, exc.status_code, exc.detail, exc.headers, exc.error)
    if exc.status_code == 401:
        return not_authenticated(request)
    if exc.status_code == 403:
        return answers.refusal(request, 403, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    headers = {"Allow": ", ".join(methods_of(request))} if exc.status_code == 405 else exc.headers
    return answers.refusal(request, exc.status_code, headers=headers)


def methods_of(request: Request) -> list[str]:
    """Return the methods that a path takes; Starlette itself names the first route's alone (RFC 9110 15.5.6)."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


async def on_sign_in_ended(request: Request, exc: Exception) -> Response:
    """Answer where the sign-in has ended while its request was on the way."""
    request.auth.problem = "ended"
    return not_authenticated(request)


async def on_unavailable(request: Request, exc: Exception) -> Response:
    """Answer where the database cannot do its work just now."""
    log.error("The database cannot be reached: %s", exc)
    return unavailable(request)


def unavailable(request: Request) -> Response:
    """Ask to come again in a few seconds: without the database nobody is let in on old knowledge."""
    return answers.refusal(request, 503, headers={"Retry-After": "2"})


def not_authenticated(request: Request) -> Response:
    """Ask for a login, or tell a program that its credential is missing or no longer good (RFC 6750 3).

    To a browser a credential that never was one is none. A cookie that has expired stays: it says whose it was, so that
    a page's dialog need only ask for the password. One that we did not sign is not ours to remove.
    """
    problem = request.auth.problem
    if problem == "unknown":
        return unavailable(request)
    if client_of(request) is Client.JSON:
        detail = "Could not validate credentials" if problem else "Not authenticated"
        challenge = 'Bearer error="invalid_token"' if problem else "Bearer"
        response: Response = JSONAnswer({"detail": detail}, 401, {"WWW-Authenticate": challenge})
    else:
        response = answers.redirect(request, login_page(request), 401)
        is_over = problem in ("expired", "ended")
        cookies.set_message(response, request, SESSION_ENDED if is_over else PLEASE_LOG_IN)
        if is_over and client_of(request) is Client.HTMX:
            response.headers["X-Session"] = problem
    if problem in ("ended", "misplaced") and request.auth.by_cookie:
        cookies.remove_session(response, request)
    return response


def token_json(token: Token, refresh_token: str | None = None) -> Response:
    """Return a token to a program (RFC 6749 5.1)."""
    body = {"access_token": token.text, "token_type": "bearer", "expires_in": token.expires_in}
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    return JSONAnswer(body, headers={"Pragma": "no-cache"})


def logged_in(request: Request, token: Token, next_page: str) -> Response:
    """Keep the token in the browser and go on to the page that was wanted."""
    if client_of(request) is Client.JSON:
        response = token_json(token)
    else:
        response = answers.redirect(request, local_or_home(next_page))
    cookies.set_session(response, request, token.text, token.expires_in)
    known_browsers.tell(response, request)
    return response


def logged_out(request: Request, *, was_logged_in: bool) -> Response:
    """Remove the cookie, where we have signed it, and go to the login page, from whatever state."""
    message = LOGGED_OUT if was_logged_in else NOT_LOGGED_IN_BEFORE
    if client_of(request) is Client.JSON:
        response: Response = JSONAnswer({"detail": message})
    else:
        response = answers.redirect(request, "/auth/login")
        cookies.set_message(response, request, message)
    if client_of(request) is Client.HTMX:
        response.headers["HX-Trigger"] = "session:ended"
    if request.auth.by_cookie and request.auth.signed:
        cookies.remove_session(response, request)
    return response
