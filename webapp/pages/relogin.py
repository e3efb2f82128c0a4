"""Log in again in place: the form in the dialog that an HTMX page opens when its session has expired."""

import json
from collections.abc import Mapping

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, clock, cookies
from webapp.answers import FormRefused
from webapp.auth import outcomes, signins
from webapp.auth.access import open_to_all
from webapp.clients import Client, client_of
from webapp.database import database
from webapp.employees import Employee
from webapp.quick import HTMLAnswer
from webapp.tables import employees, sign_ins
from webapp.templating import templates


@open_to_all
async def show(request: Request) -> Response:
    """Show the form with the email of the session that has expired; whose session has ended goes to the login page."""
    if client_of(request) is not Client.HTMX:
        return answers.redirect(request, "/auth/login")
    if request.user.is_authenticated:
        return restored(request, request.user)
    email = await email_of_expired(request)
    if email is None:
        if request.auth.problem == "expired":
            request.auth.problem = "ended"
        return outcomes.not_authenticated(request)
    return form(email)


async def email_of_expired(request: Request) -> str | None:
    """Return whose session has expired, to the browser with its cookie; None where the sign-in has ended since."""
    claims = request.auth.expired
    if claims is None or not request.auth.by_cookie or claims.expires + cookies.KEPT_EXPIRED_SECONDS < clock.now():
        return None
    theirs = select(employees.c.email).join_from(sign_ins, employees).where(sign_ins.c.id == claims.sid)
    by_browser = sign_ins.c.kind == "browser"
    email: str | None = await database.fetch_val(theirs.where(by_browser, *signins.still_open()))
    return email


def form(
    email: str,
    sentence: str | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return what is in the dialog; it leaves the page's title alone."""
    template = templates.get_template("_relogin.html")
    return HTMLAnswer(template.render(email=email, sentence=sentence, errors=errors or {}), status, headers)


def form_again(refused: FormRefused) -> Response:
    """Return what is in the dialog after a login that was refused."""
    headers = {**(refused.headers or {}), "HX-Retarget": "#relogin", "HX-Reswap": "innerHTML"}
    return form(refused.values["username"], refused.detail, refused.errors, refused.status_code, headers)


def restored(request: Request, employee: Employee) -> Response:
    """Tell the page who is logged in now, so that it goes on where it was interrupted, or begins anew for another."""
    told = json.dumps({"session:restored": {"user": employee.identity}})
    response = Response(status_code=204, headers={"HX-Trigger": told})
    cookies.remove_message(response, request)
    return response
