"""Log in and log out in a browser."""

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies
from webapp.answers import FormRefused
from webapp.auth import known_browsers, outcomes, signins
from webapp.auth.access import open_to_all
from webapp.auth.login import log_in
from webapp.auth.logout import end_before, end_sessions
from webapp.clients import Client, client_of, is_in_dialog
from webapp.next_page import local_or_home
from webapp.pages import relogin
from webapp.quick import JSONAnswer

HOW_TO_LOG_IN = "POST the form fields username (your email) and password to /api/login"


@open_to_all
async def login(request: Request) -> Response:
    """Show the login form; lead somebody who is logged in to the page in `next`, or home."""
    if request.user.is_authenticated:
        return answers.redirect(request, local_or_home(request.query_params.get("next", "")))
    return login_form(request)


def login_form(request: Request) -> Response:
    """Show the login form, which leads on to the page in `next`."""
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": HOW_TO_LOG_IN})
    values = {"username": "", "next": request.query_params.get("next", "")}
    return answers.page(request, "login", {"sentence": None, "errors": {}, "values": values})


@open_to_all
async def token(request: Request) -> Response:
    """Log in with a form, on the login page or in the dialog; the token is kept in the session cookie."""
    try:
        sign_in, form = await log_in(request, "browser")
    except FormRefused as refused:
        if is_in_dialog(request):
            return relogin.form_again(refused)
        raise
    await end_before(request)
    new = signins.token_for(sign_in)
    if is_in_dialog(request):
        response = relogin.restored(request, sign_in.employee)
        cookies.set_session(response, request, new.text, new.expires_in)
        known_browsers.tell(response, request)
        return response
    return outcomes.logged_in(request, new, form.get("next", [""])[0])


@open_to_all
async def logout(request: Request) -> Response:
    """End the session, if there is one, and remove the cookie."""
    ended = await end_sessions(request.auth, "logged out")
    return outcomes.logged_out(request, was_logged_in=ended > 0)


@open_to_all
async def change_password(request: Request) -> Response:
    """Lead a password manager to the page where one's password is changed (a well-known URL of the W3C)."""
    return answers.redirect(request, "/auth/password")
