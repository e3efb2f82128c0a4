"""Open a one-time link, set a password with it, and be logged in."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, mail, url_tokens
from webapp.answers import Refused
from webapp.audit import Action
from webapp.auth import accounts, attempt_log, links, password_rules, passwords
from webapp.auth.access import open_to_all
from webapp.auth.authority import refuse_personal_tokens
from webapp.auth.held import SignIn
from webapp.clients import Client, client_of
from webapp.employees import Employee
from webapp.fields import Fields, submitted
from webapp.forms import only, read_form
from webapp.inputs import Secret
from webapp.pages.password import refuse_weak, session_kind, start_session
from webapp.quick import JSONAnswer

FORM = "set_password"
NOT_GOOD = "This link has expired, has been used or is incomplete."
OPEN_AGAIN = "This page no longer knows its link. Open the link again in the mail or message that you got it in."
DONE = "Your password is set, and every earlier sign-in of yours has ended"


class SetPassword(Fields):
    """A new password."""

    new_password = Secret("a new password", passwords.LONGEST)


@open_to_all
async def link(request: Request) -> Response:
    """Show the form of a link, which stays good however often it is looked at, or set the password with it."""
    if request.method == "POST":
        return await use(request)
    if client_of(request) is Client.JSON:
        detail = "POST the form fields token (of your link) and new_password to /api/link"
        return JSONAnswer({"detail": detail, "rules": password_rules.in_words()})
    if "token" not in request.query_params:
        raise gone(OPEN_AGAIN)
    token = url_tokens.token_in_address(request)
    employee, _ = await good(token)
    return answers.page(request, FORM, {**shown(employee, token), "sentence": None, "errors": {}})


def shown(employee: Employee, token: str) -> dict[str, Any]:
    """Return all that the page shows; its form carries the token, so that two links in two tabs never mix."""
    return {"email": employee.email, "token": token, "rules": password_rules.in_words()}


async def good(token: str) -> tuple[Employee, str]:
    """Return the employee of a link and their hash, or refuse a link that is not good with what to do next."""
    try:
        return await links.read(token)
    except links.LinkNotGood:
        raise not_good() from None


def not_good() -> Refused:
    """Return the refusal of a link, the same whatever is wrong with it."""
    where = "under “Forgot your password?” on the login page" if mail.is_on() else "from an administrator"
    return gone(f"{NOT_GOOD} Get a new one {where}.")


def gone(sentence: str) -> Refused:
    """Return the refusal of a request without a link that is good."""
    return Refused(sentence, "invalid_grant", status=410)


async def use(request: Request) -> Response:
    """Set the password, end every sign-in of the employee, and log them in (ASVS 6.4.1, 6.5.1)."""
    refuse_personal_tokens(request)
    token = await token_in_form(request)
    employee, old_hash = await good(token)

    async def context(request: Request) -> dict[str, Any]:
        return shown(employee, token)

    form = await submitted(request, SetPassword, FORM, context=context)
    await refuse_weak(request, form, FORM, (employee.first_name, employee.last_name, employee.email), context)
    new_hash = await passwords.hash_password(form.data["new_password"])
    sign_in = await set_password(request, employee, (old_hash, new_hash), token)
    source = await attempt_log.source_of(request, employee.email)
    await attempt_log.bring_back()
    await attempt_log.record(request, source, employee, attempt_log.BY_LINK)
    return await start_session(request, sign_in, DONE)


async def token_in_form(request: Request) -> str:
    """Return the form's token, "" where it has none or several, or where the address has one too: which is meant?"""
    token = only(await read_form(request), "token")
    return "" if "token" in request.query_params else token


async def set_password(request: Request, employee: Employee, hashes: tuple[str, str], token: str) -> SignIn:
    """Return the new sign-in, or refuse a link that is not good any more: hashing takes its time."""
    kind, action = session_kind(request), Action.PASSWORD_SET_BY_LINK
    try:
        sign_in = await accounts.replace_password(request, employee, hashes, kind=kind, action=action, link=token)
    except links.LinkNotGood:
        raise not_good() from None
    if sign_in is None:
        raise not_good()
    return sign_in
