"""Make the first administrator in a browser, at the address that a start prints while none can log in."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, employee_rules, url_tokens
from webapp.answers import Refused
from webapp.auth import password_rules, passwords, set_up
from webapp.auth.access import open_to_all
from webapp.auth.authority import refuse_personal_tokens
from webapp.clients import Client, client_of
from webapp.database import Duplicate
from webapp.fields import Fields, refusal, submitted
from webapp.forms import only, read_form
from webapp.inputs import Line, Secret
from webapp.pages.password import refuse_weak, session_kind, start_session
from webapp.quick import JSONAnswer

FORM = "set_up"
OVER = (
    "This set-up address does not work, or no longer: it works once, and only while no administrator can log in. Check "
    "that you opened the whole address, log in, or start Latchkey again to get a new one."
)
ADDED_MEANWHILE = "Send the form again: an employee with this email has just been added"
DONE = "Your account is ready. You may do everything here"


class Detail(Line):
    """A line that one of the rules of an employee's fields must let pass."""

    def __init__(self, what: str, longest: int, rule: Callable[[str], str], **options: Any) -> None:
        super().__init__(what, longest, **options)
        self.rule = rule

    def read(self, text: str) -> str:
        return self.rule(super().read(text))


class FirstAdministrator(Fields):
    """Who the first administrator is."""

    email = Detail("your email", 255, employee_rules.new_email)
    first_name = Detail("your first name", employee_rules.LONGEST_NAME, employee_rules.name)
    last_name = Detail("your last name", employee_rules.LONGEST_NAME, employee_rules.name)
    new_password = Secret("a password", passwords.LONGEST)


@open_to_all
async def page(request: Request) -> Response:
    """Show the form, which carries the token, or make the account; to everybody else there is nothing here."""
    if request.method == "POST":
        return await made(request)
    token = url_tokens.token_in_address(request)
    await ensure_open(token)
    if client_of(request) is Client.JSON:
        detail = "POST the form fields token, email, first_name, last_name and new_password to /api/set-up"
        return JSONAnswer({"detail": detail, "rules": password_rules.in_words()})
    values = {"email": "", "first_name": "", "last_name": ""}
    return answers.page(request, FORM, {**context_of(token), "sentence": None, "errors": {}, "values": values})


def context_of(token: str) -> dict[str, Any]:
    """Return all that the page shows."""
    return {"token": token, "rules": password_rules.in_words()}


async def ensure_open(token: str) -> None:
    """Refuse a token with which the first administrator may not be made."""
    try:
        await set_up.ensure_open(token)
    except set_up.SetUpOver:
        raise over() from None


def over() -> Refused:
    """Return the refusal, the same whatever is wrong; the token may be good again when no administrator can log in."""
    return Refused(OVER, "invalid_grant", status=404)


async def made(request: Request) -> Response:
    """Make the account and log in."""
    refuse_personal_tokens(request)
    token = only(await read_form(request), "token")
    await ensure_open(token)

    async def context(request: Request) -> dict[str, Any]:
        return context_of(token)

    form = await submitted(request, FirstAdministrator, FORM, context=context)
    email, first_name, last_name = form.data["email"], form.data["first_name"], form.data["last_name"]
    await refuse_weak(request, form, FORM, (first_name, last_name, email), context)
    try:
        sign_in = await set_up.make_first(
            request,
            token,
            session_kind(request),
            email=email,
            first_name=first_name,
            last_name=last_name,
            password_hash=await passwords.hash_password(form.data["new_password"]),
        )
    except set_up.SetUpOver:
        raise over() from None
    except Duplicate:
        form.problems["email"] = ADDED_MEANWHILE
        raise await refusal(request, form, FORM, context) from None
    return await start_session(request, sign_in, DONE)
