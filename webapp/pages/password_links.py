"""Open a one-time link, set a password with it, and be logged in."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies, mail, url_tokens
from webapp.answers import Refused
from webapp.audit import Action
from webapp.auth import accounts, attempt_log, links, outcomes, password_rules, passwords, signins
from webapp.auth import refresh as refresh_tokens
from webapp.auth.access import open_to_all
from webapp.auth.held import SignIn
from webapp.clients import Client, client_of
from webapp.employees import Employee
from webapp.fields import Fields, submitted
from webapp.forms import only, read_form
from webapp.inputs import Secret
from webapp.pages.password import refuse_weak
from webapp.quick import JSONAnswer

FORM, COOKIE = "set_password", "link"
NOT_GOOD = "This link is not good, or no longer: each works once, and not for long."
DONE = "Your password is set, and every earlier sign-in of yours has ended"


class SetPassword(Fields):
    """A new password."""

    new_password = Secret("a new password", passwords.LONGEST)


@open_to_all
async def link(request: Request) -> Response:
    """Show the form of a link, which stays good however often it is looked at, or set the password with it."""
    if request.method == "POST":
        return await used(request)
    if client_of(request) is Client.JSON:
        detail = "POST the form fields token (of your link) and new_password to /api/link"
        return JSONAnswer({"detail": detail, "rules": password_rules.in_words()})
    moved = url_tokens.moved(request, COOKIE)
    if moved is not None:
        return moved
    employee, _ = await good(url_tokens.token_in(request, COOKIE))
    return answers.page(request, FORM, {**shown(employee), "sentence": None, "errors": {}})


def shown(employee: Employee) -> dict[str, Any]:
    """Return all that the page shows."""
    return {"email": employee.email, "rules": password_rules.in_words()}


async def good(token: str) -> tuple[Employee, str]:
    """Return the employee of a link and their hash, or refuse a link that is not good with what to do next."""
    try:
        return await links.read(token)
    except links.LinkNotGood:
        raise not_good() from None


def not_good() -> Refused:
    """Return the refusal of a link, the same whatever is wrong with it."""
    where = "under “Forgot your password?” on the login page" if mail.is_on() else "from an administrator"
    return Refused(f"{NOT_GOOD} Get a new one {where}.", "invalid_grant", status=410)


async def used(request: Request) -> Response:
    """Set the password, end every sign-in of the employee, and log them in (ASVS 6.4.1, 6.5.1)."""
    is_json = client_of(request) is Client.JSON
    token = only(await read_form(request), "token") if is_json else url_tokens.token_in(request, COOKIE)
    employee, old_hash = await good(token)

    async def context(request: Request) -> dict[str, Any]:
        return shown(employee)

    form = await submitted(request, SetPassword, FORM, context=context)
    await refuse_weak(request, form, FORM, (employee.first_name, employee.last_name, employee.email), context)
    sign_in = await accounts.replace_password(
        request,
        employee,
        (old_hash, await passwords.hash_password(form.data["new_password"])),
        kind="api" if is_json else "browser",
        action=Action.PASSWORD_SET_BY_LINK,
    )
    if sign_in is None:
        raise not_good()
    source = await attempt_log.source_of(request, employee.email)
    await attempt_log.record(request, source, employee, attempt_log.BY_LINK)
    return await logged_in(request, sign_in)


async def logged_in(request: Request, sign_in: SignIn) -> Response:
    """Go on as whom the link was made for, in a browser no longer as anybody else."""
    token = signins.token_for(sign_in)
    if client_of(request) is Client.JSON:
        return outcomes.token_json(token, await refresh_tokens.issue(sign_in.id))
    before = request.auth.sign_in
    if before is not None and request.auth.by_cookie:
        await signins.end(before.id, "logged in again")
    response = outcomes.logged_in(request, token, "/auth/home")
    cookies.set_message(response, request, DONE)
    url_tokens.forget(response, request, COOKIE)
    return response
