"""Make the first administrator's account in a browser, at the address that the first start prints."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies, employee_rules, url_tokens
from webapp.answers import Refused
from webapp.auth import outcomes, password_rules, passwords, set_up, signins
from webapp.auth import refresh as refresh_tokens
from webapp.auth.access import open_to_all
from webapp.auth.held import SignIn
from webapp.clients import Client, client_of
from webapp.fields import Fields, submitted
from webapp.forms import only, read_form
from webapp.inputs import Line, Secret
from webapp.pages.password import refuse_weak
from webapp.quick import JSONAnswer

FORM, COOKIE = "set_up", "set-up"
OVER = (
    "There is nothing to set up with this address: it works once, while there is no account. "
    "Log in, or start Latchkey again for a new one."
)
DONE = "Your account is made. You may do everything here"


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
    """Show the form, or make the account; to everybody else there is nothing here."""
    if request.method == "POST":
        return await made(request)
    moved = url_tokens.moved(request, COOKIE)
    if moved is not None:
        return moved
    await ensure_open(url_tokens.token_in(request, COOKIE))
    if client_of(request) is Client.JSON:
        detail = "POST the form fields token, email, first_name, last_name and new_password to /api/set-up"
        return JSONAnswer({"detail": detail, "rules": password_rules.in_words()})
    values = {"email": "", "first_name": "", "last_name": ""}
    context = await context_of(request)
    return answers.page(request, FORM, {**context, "sentence": None, "errors": {}, "values": values})


async def context_of(request: Request) -> dict[str, Any]:
    """Return all that the page shows."""
    return {"rules": password_rules.in_words()}


async def ensure_open(token: str) -> None:
    """Refuse a token with which the first administrator may not be made."""
    try:
        await set_up.ensure_open(token)
    except set_up.SetUpOver:
        raise over() from None


def over() -> Refused:
    """Return the refusal, the same whatever is wrong."""
    return Refused(OVER, "invalid_grant", status=404)


async def made(request: Request) -> Response:
    """Make the account and log in."""
    is_json = client_of(request) is Client.JSON
    token = only(await read_form(request), "token") if is_json else url_tokens.token_in(request, COOKIE)
    await ensure_open(token)
    form = await submitted(request, FirstAdministrator, FORM, context=context_of)
    email, first_name, last_name = form.data["email"], form.data["first_name"], form.data["last_name"]
    await refuse_weak(request, form, FORM, (first_name, last_name, email), context_of)
    try:
        sign_in = await set_up.make_first(
            request,
            token,
            "api" if is_json else "browser",
            email=email,
            first_name=first_name,
            last_name=last_name,
            password_hash=await passwords.hash_password(form.data["new_password"]),
        )
    except set_up.SetUpOver:
        raise over() from None
    return await logged_in(request, sign_in)


async def logged_in(request: Request, sign_in: SignIn) -> Response:
    """Go on as the first administrator."""
    token = signins.token_for(sign_in)
    if client_of(request) is Client.JSON:
        return outcomes.token_json(token, await refresh_tokens.issue(sign_in.id))
    response = outcomes.logged_in(request, token, "/auth/home")
    cookies.set_message(response, request, DONE)
    url_tokens.forget(response, request, COOKIE)
    return response
