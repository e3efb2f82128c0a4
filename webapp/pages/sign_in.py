"""Log in and log out in a browser."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies
from webapp.answers import FormRefused
from webapp.auth import known_browsers, outcomes, signins
from webapp.auth.access import open_to_all
from webapp.auth.login import log_in
from webapp.clients import Client, client_of, is_in_dialog
from webapp.pages import relogin
from webapp.quick import JSONAnswer

HOW_TO_LOG_IN = "POST the form fields username (your email) and password to /api/login"


@open_to_all
async def login(request: Request) -> Response:
    """Show the login form, or home to somebody who is logged in."""
    if request.user.is_authenticated:
        return answers.redirect(request, "/auth/home")
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
    before = request.auth.sign_in
    if before is not None and request.auth.by_cookie:
        await signins.end(before.id, "logged in again")
    new = signins.token_for(sign_in)
    if is_in_dialog(request):
        response = relogin.restored(request, sign_in.employee)
        cookies.set_session(response, request, new.text, new.expires_in)
        known_browsers.tell(response, request)
        return response
    return outcomes.logged_in(request, new, form.get("next", [""])[0])


@open_to_all
async def logout(request: Request) -> Response:
    """End the sign-in, if there is one, and remove the cookie."""
    before = request.auth.sign_in
    if request.auth.problem == "unknown":
        raise HTTPException(503, headers={"Retry-After": "2"})
    if before is not None:
        await signins.end(before.id, "logged out")
    return outcomes.logged_out(request, was_logged_in=before is not None)


@open_to_all
async def change_password(request: Request) -> Response:
    """Lead a password manager to the page where one's password is changed (a well-known URL of the W3C)."""
    return answers.redirect(request, "/auth/password")
