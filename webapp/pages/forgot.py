"""Ask for a link by mail, where there is a mail server."""

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies, mail
from webapp.answers import Refused
from webapp.auth import forgotten, throttle
from webapp.auth.access import open_to_all
from webapp.auth.authority import refuse_personal_tokens
from webapp.clients import Client, client_of
from webapp.fields import Fields, submitted
from webapp.inputs import Email
from webapp.quick import JSONAnswer

FORM = "forgot"
ON_ITS_WAY = "Look into your mail: if there is an account with this email, a link to set a new password is on its way"

BUSY = "Too many are asking for a link just now. Try again in a minute"


class Forgot(Fields):
    """The email of an account."""

    email = Email("your email", 255)


@open_to_all
async def forgot(request: Request) -> Response:
    """Show the form, or ask for a link; the answer is the same whether there is such an account or not."""
    if not mail.is_on():
        raise HTTPException(404)
    if request.method == "POST":
        return await asked(request)
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": "POST the form field email to /api/forgot"})
    return answers.page(request, FORM, {"sentence": None, "errors": {}, "values": {"email": ""}})


async def asked(request: Request) -> Response:
    """Ask for a link."""
    refuse_personal_tokens(request)
    form = await submitted(request, Forgot, FORM)
    values: dict[str, Any] = form.shown
    try:
        await forgotten.ask(request, form.data["email"])
    except throttle.TooManyAttempts as too_many:
        raise too_many.refusal(FORM, values) from None
    except asyncio.QueueFull:
        raise Refused(BUSY, "temporarily_unavailable", status=503, headers={"Retry-After": "60"}) from None
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": ON_ITS_WAY}, 202)
    response = answers.redirect(request, "/auth/login")
    cookies.set_message(response, request, ON_ITS_WAY)
    return response
