"""My Info: an employee's own details, and what they say of themselves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies
from webapp.auth import accounts
from webapp.bodies import FORM, JSON
from webapp.clients import Client, client_of
from webapp.employee_rules import LONGEST_NAME
from webapp.employees import LONGEST_ABOUT
from webapp.fields import Fields, submitted
from webapp.inputs import Line, Lines
from webapp.quick import JSONAnswer

SAVED = "Your details are saved"


class Profile(Fields):
    """What employees say of themselves."""

    preferred_name = Line("your preferred name", LONGEST_NAME, required=False)
    about = Lines("something about you", LONGEST_ABOUT, required=False)


@requires("user:read")
async def my_info(request: Request) -> Response:
    """Show one's own details."""
    if client_of(request) is Client.JSON:
        return JSONAnswer(request.user.as_json())
    return answers.page(request, "my_info", await context_of(request))


async def context_of(request: Request) -> Mapping[str, Any]:
    """Return all that the page shows."""
    user = request.user
    return {
        "employee": user,
        "may_change": "user:write" in request.auth.scopes,
        "sentence": None,
        "errors": {},
        "values": {"preferred_name": user.preferred_name or "", "about": user.about or ""},
    }


@requires("user:write")
async def change(request: Request) -> Response:
    """Change what one says of oneself, which every worker hears of: what is not given stays."""
    form = await submitted(request, Profile, "my_info", kinds=(FORM, JSON), partly=True, context=context_of)
    said = {name: value or None for name, value in form.data.items()}
    if said:
        await accounts.change_profile(request.user.emp_no, said, asked_by=request.auth.sign_in.id)
    request.scope["user"] = replace(request.user, **said)
    if client_of(request) is Client.JSON:
        return JSONAnswer(request.user.as_json())
    if client_of(request) is Client.HTMX:
        return answers.page(request, "my_info", {**await context_of(request), "renamed": True}, message=SAVED)
    response = answers.redirect(request, "/admin/me")
    cookies.set_message(response, request, SAVED)
    return response
