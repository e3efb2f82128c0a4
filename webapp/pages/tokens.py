"""Make a personal access token: a named sign-in for a program of one's own, shown once."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, clock
from webapp.auth import signins
from webapp.auth.scopes import closure
from webapp.clients import Client, client_of
from webapp.database import database
from webapp.forms import Form, only, read_form
from webapp.pages.sign_ins import context_of, refuse_personal_tokens
from webapp.quick import JSONAnswer

LONGEST_NAME = 50
LONGEST_DAYS = 366


@requires("user:write")
async def make(request: Request) -> Response:
    """Open a sign-in of kind "token" with the form's `name`, `scopes` and last day `ends`, and show its token once."""
    refuse_personal_tokens(request)
    form = await read_form(request)
    errors = problems_of(form, closure(request.user.scopes))
    if errors:
        raise await refusal(request, form, errors)
    name, scopes, ends = only(form, "name").strip(), tuple(form.get("scopes", [])), end_of(only(form, "ends"))
    async with database.transaction():
        await signins.ensure_living(request.auth.sign_in.id)
        sign_in = await signins.open_sign_in(request.user, "token", request, name=name, scopes=scopes, ends=ends)
    token = signins.token_for(sign_in, LONGEST_DAYS * 86400)
    if client_of(request) is Client.JSON:
        body = {"access_token": token.text, "token_type": "bearer", "expires_in": token.expires_in, "id": sign_in.id}
        return JSONAnswer(body, 201)
    return answers.page(request, "sign_ins", {**await context_of(request), "new_token": token.text})


def problems_of(form: Form, own_scopes: tuple[str, ...]) -> dict[str, str]:
    """Return for each wrong field what to mend."""
    name, scopes, ends = only(form, "name").strip(), form.get("scopes", []), end_of(only(form, "ends"))
    problems = {}
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        problems["name"] = f"Enter a name of 1 to {LONGEST_NAME} characters"
    if not scopes or not set(scopes) <= set(own_scopes):
        problems["scopes"] = "Choose what the token may do, of what you may do yourself"
    if ends is None or not 0 < ends - clock.now() <= LONGEST_DAYS * 86400:
        problems["ends"] = f"Enter the last day, within the next {LONGEST_DAYS - 1} days, such as {example_day()}"
    return problems


def end_of(day: str) -> float | None:
    """Return the end of a day (UTC) in seconds since 1970, None where it is no date."""
    try:
        start = datetime.combine(date.fromisoformat(day), time(), UTC)
        return (start + timedelta(days=1)).timestamp()
    except (ValueError, OverflowError):
        return None


def example_day() -> str:
    """Return the day in a month from now."""
    return (datetime.fromtimestamp(clock.now(), UTC) + timedelta(days=30)).date().isoformat()


async def refusal(request: Request, form: Form, errors: dict[str, str]) -> answers.FormRefused:
    """Return the refusal that shows the page again with what was typed."""
    values: dict[str, Any] = {field: only(form, field)[:LONGEST_NAME] for field in ("name", "ends")}
    return answers.FormRefused(
        "sign_ins",
        ". ".join(errors.values()),
        errors=errors,
        values={**values, "scopes": form.get("scopes", [])},
        context=await context_of(request),
    )
