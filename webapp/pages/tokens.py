"""Make a personal access token: a named sign-in for a program of one's own, shown once."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response
from wtforms import ValidationError

from webapp import answers, clock, employees
from webapp.answers import FormRefused
from webapp.auth import signins
from webapp.auth.authority import refuse_personal_tokens
from webapp.auth.scopes import SCOPES, closure
from webapp.bodies import FORM, JSON
from webapp.clients import Client, client_of
from webapp.database import database
from webapp.fields import Fields, refusal, submitted
from webapp.inputs import Day, Line, SomeOf
from webapp.pages.sign_ins import context_of
from webapp.quick import JSONAnswer

LONGEST_NAME = 50
LONGEST_DAYS = 366
TOO_MANY = f"You have {signins.MAX_TOKENS} personal access tokens, which is the maximum. End one of them first"
NOT_YOURS = "Choose what the token may do, of what you may do yourself"


class NewToken(Fields):
    """What somebody says of a token that is to be made."""

    name = Line("a name", LONGEST_NAME)
    scopes = SomeOf("what the token may do", SCOPES)
    ends = Day("the last day")

    def validate_ends(self, field: Day) -> None:
        """Refuse a day that is over, or too far away."""
        if not 0 < end_of(field.data) - clock.now() <= LONGEST_DAYS * 86400:
            raise ValidationError(f"Enter a day within the next {LONGEST_DAYS - 1} days, such as {example_day()}")


@requires("user:write")
async def make(request: Request) -> Response:
    """Open a sign-in of kind "token" with the form's `name`, `scopes` and last day `ends`, and show its token once."""
    refuse_personal_tokens(request)
    form = await submitted(request, NewToken, "sign_ins", kinds=(FORM, JSON), context=context_of)
    if not set(form.data["scopes"]) <= set(closure(request.user.scopes)):
        form.problems["scopes"] = NOT_YOURS
        raise await refusal(request, form, "sign_ins", context_of)
    name, scopes, ends = form.data["name"], form.data["scopes"], end_of(form.data["ends"])
    try:
        async with database.transaction():
            await employees.lock(request.user.emp_no)
            await signins.ensure_living(request.auth.sign_in.id)
            sign_in = await signins.open_sign_in(request.user, "token", request, name=name, scopes=scopes, ends=ends)
    except signins.TooManyTokens:
        raise too_many(form, await context_of(request)) from None
    token = signins.token_for(sign_in, LONGEST_DAYS * 86400)
    if client_of(request) is Client.JSON:
        body = {"access_token": token.text, "token_type": "bearer", "expires_in": token.expires_in, "id": sign_in.id}
        return JSONAnswer(body, 201)
    return answers.page(request, "sign_ins", {**await context_of(request), "new_token": token.text})


def too_many(form: NewToken, context: Mapping[str, Any]) -> FormRefused:
    """Return the refusal of a token to somebody who has as many as one may have."""
    return FormRefused(
        "sign_ins", TOO_MANY, errors={}, values=form.shown, error="conflict", status=409, context=context
    )


def end_of(day: date) -> float:
    """Return the end of a day (UTC) in seconds since 1970."""
    return datetime.combine(day, time(), UTC).timestamp() + 86400


def example_day() -> str:
    """Return the day in a month from now."""
    return (datetime.fromtimestamp(clock.now(), UTC) + timedelta(days=30)).date().isoformat()
