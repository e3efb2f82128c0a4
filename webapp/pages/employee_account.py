"""What administrators do with an employee's account: activation, a password link, sign-ins, scopes."""

from typing import Any

from sqlalchemy import true
from starlette.authentication import requires
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers
from webapp.answers import FormRefused, Refused
from webapp.audit import Action
from webapp.auth import administration, authority, links
from webapp.auth.scopes import IN_WORDS
from webapp.auth.tokens import SIGN_IN_ID
from webapp.clients import Client, client_of
from webapp.employee_form import ScopesForm
from webapp.employees import Employee
from webapp.fields import submitted
from webapp.pages.employee_edit import version_asked
from webapp.pages.employees import (
    as_json,
    context_of,
    done,
    employee_of,
    given,
    kinds_of,
    number_of,
    sign_ins_json,
)
from webapp.pages.sign_ins import living_of, rows_of
from webapp.quick import JSONAnswer
from webapp.tables import sign_ins

CHANGED = "Somebody has changed this employee since you opened the form. Look at what they may do now, and choose again"
NOT_SAID = "Say what they may do in `scopes`; an empty list takes everything away"
NOT_ACTIVE = "This account is deactivated. Activate it first"


@requires("admin:write")
async def deactivate(request: Request) -> Response:
    """Let an employee in no longer, and end all their sign-ins; nothing is deleted."""
    await administration.set_active(request, number_of(request), is_active=False)
    return done(request, number_of(request), "The account is deactivated, and all its sign-ins have ended")


@requires("admin:write")
async def activate(request: Request) -> Response:
    """Let an employee in again."""
    await administration.set_active(request, number_of(request), is_active=True)
    return done(request, number_of(request), "The account is active again")


@requires("admin:write")
async def password_link(request: Request) -> Response:
    """Make a one-time link with which an employee sets a password, and show it once."""
    employee = await employee_of(request)
    try:
        link = await administration.password_link(request, employee.emp_no)
    except links.LinkNotGood:
        raise Refused(NOT_ACTIVE, "conflict", status=409) from None
    if client_of(request) is Client.JSON:
        return JSONAnswer({"link": link.address, "expires_in": link.expires_in}, 201)
    context = {**await context_of(request, employee), "link": link.address, "lifetime": links.in_words(link.expires_in)}
    return answers.page(request, "employee", context)


@requires("admin:read")
async def their_sign_ins(request: Request) -> Response:
    """Return an employee's living sign-ins to a program."""
    employee = await employee_of(request)
    return sign_ins_json(await rows_of(employee.emp_no, request.auth.sign_in))


@requires("admin:write")
async def end(request: Request) -> Response:
    """End one sign-in of an employee."""
    sid, emp_no = request.path_params["id"], number_of(request)
    which = (sign_ins.c.id == sid) & living_of(emp_no)
    if not SIGN_IN_ID.fullmatch(sid):
        raise HTTPException(404)
    if not await administration.end_sign_ins(request, emp_no, which, Action.SIGN_IN_ENDED):
        raise HTTPException(404)
    return done(request, emp_no, "That sign-in has ended")


@requires("admin:write")
async def end_all(request: Request) -> Response:
    """End all sign-ins of an employee."""
    emp_no = number_of(request)
    await administration.end_sign_ins(request, emp_no, true(), Action.SIGN_INS_ENDED)
    return done(request, emp_no, "All sign-ins of this employee have ended")


@requires("admin:write")
async def scopes(request: Request) -> Response:
    """Show the form of what an employee may do."""
    employee = await employee_of(request)
    authority.ensure_no_more(employee, request.auth.scopes)
    context = scopes_context(request, employee)
    values = {"scopes": employee.scopes}
    return answers.page(request, "employee_scopes", {**context, "sentence": None, "errors": {}, "values": values})


def scopes_context(request: Request, employee: Employee) -> dict[str, Any]:
    """Return what the page shows beside the values: the scopes that one can give."""
    may = request.auth.scopes
    choices = [(scope, f"{scope} – {words}") for scope, words in IN_WORDS.items() if scope in may]
    return {"employee": employee, "version": employee.version, "choices": choices}


@requires("admin:write")
async def change_scopes(request: Request) -> Response:
    """Change what an employee may do, from their next request on."""
    employee = await employee_of(request)
    context = scopes_context(request, employee)
    form = await submitted(
        request,
        ScopesForm,
        "employee_scopes",
        kinds=kinds_of(request),
        partly=client_of(request) is Client.JSON,
        context=lambda _: given(context),
    )
    if "scopes" not in form:
        raise Refused(NOT_SAID, "invalid_request")
    version = version_asked(request, form.data.get("version"))
    try:
        await administration.change_scopes(request, employee.emp_no, version, form.data["scopes"])
    except authority.Changed as changed:
        now = changed.now
        values = {"scopes": now.scopes}
        raise FormRefused(
            "employee_scopes",
            CHANGED,
            errors={},
            values=values,
            error="changed_meanwhile",
            status=409 if request.headers.get("if-match") is None else 412,
            context=scopes_context(request, now),
        ) from None
    if client_of(request) is Client.JSON:
        return as_json(await employee_of(request))
    return done(request, employee.emp_no, "What this employee may do is changed")
