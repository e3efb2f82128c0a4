"""Edit an employee's details; who comes second is told what has changed, and keeps what they typed."""

import re
from typing import Any

from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers
from webapp.answers import FormRefused, Refused
from webapp.auth import administration, authority
from webapp.clients import Client, client_of
from webapp.database import Duplicate
from webapp.employee_form import EditForm, details_of, shown
from webapp.employees import Employee
from webapp.fields import refusal, submitted
from webapp.pages.employees import TAKEN, as_json, done, employee_of, given, kinds_of, refuse_problems
from webapp.quick import JSONAnswer

TEMPLATE = "employee_edit"
ENTITY_TAG = re.compile(r'"([0-9]{1,10})"')
CHANGED = "Somebody has changed this employee since you opened the form. Save again to put what you typed in its place"
CHANGED_TO_PROGRAM = (
    "Somebody has changed this employee since that version. Look at what they are now, and name the new one"
)
NAME_THE_VERSION = "Say which version you have seen: its ETag in If-Match, or `version` in the body"


@requires("admin:write")
async def edit(request: Request) -> Response:
    """Show the form."""
    employee = await employee_of(request)
    authority.ensure_no_more(employee, request.auth.scopes)
    values = shown(details_of(employee))
    return answers.page(request, TEMPLATE, {**context_of(employee), "sentence": None, "errors": {}, "values": values})


def context_of(employee: Employee, **more: Any) -> dict[str, Any]:
    """Return what the page shows beside the values."""
    return {"employee": employee, "version": employee.version, "meanwhile": False, **more}


@requires("admin:write")
async def change(request: Request) -> Response:
    """Change an employee's details, all of them, or with PATCH those that are given."""
    employee, is_patch = await employee_of(request), request.method == "PATCH"
    form = await submitted(
        request,
        EditForm,
        TEMPLATE,
        kinds=kinds_of(request),
        partly=is_patch,
        context=lambda _: given(context_of(employee)),
    )
    details = dict(form.data)
    in_body = details.pop("version", None)
    version = version_asked(request, in_body)
    form.check_order(details_of(employee))
    form.check_email(details_of(employee))
    await refuse_problems(request, form, TEMPLATE, context_of(employee))
    try:
        now = await administration.edit(request, employee.emp_no, version, details)
    except Duplicate:
        form.problems["email"] = TAKEN
        raise await refusal(request, form, TEMPLATE, lambda _: given(context_of(employee))) from None
    except authority.Changed as changed:
        return conflict(request, form, details, changed.now)
    if client_of(request) is Client.JSON:
        return as_json(now)
    return done(request, employee.emp_no, f"The details of {now.first_name} {now.last_name} are saved")


def version_asked(request: Request, in_body: int | None) -> int | None:
    """Return the version that a change is for, None for any; a program must say it (RFC 9110 13.1.1, RFC 6585 3)."""
    if_match = request.headers.get("if-match")
    if if_match is None:
        if in_body is None:
            raise Refused(NAME_THE_VERSION, "version_required", status=428)
        return in_body
    if if_match.strip() == "*":
        return None
    tag = ENTITY_TAG.fullmatch(if_match.strip())
    return int(tag[1]) if tag else 0


def conflict(request: Request, form: EditForm, details: dict[str, Any], now: Employee) -> Response:
    """Say what somebody else has changed, and keep what was typed; saving again then puts it in its place."""
    before, typed = shown(details_of(now)), shown(details)
    differing = {name: (typed[name], before[name]) for name in typed if typed[name] != before[name]}
    if client_of(request) is Client.JSON:
        status = 409 if request.headers.get("if-match") is None else 412
        changed = {name: {"yours": yours or None, "now": other or None} for name, (yours, other) in differing.items()}
        body = {"detail": CHANGED_TO_PROGRAM, "error": "changed_meanwhile", "changed": changed, "version": now.version}
        return JSONAnswer(body, status, {"ETag": f'"{now.version}"'})
    errors = {
        name: f"It is now {other or 'empty'}; in your form it is {yours or 'empty'}"
        for name, (yours, other) in differing.items()
    }
    raise FormRefused(
        TEMPLATE,
        CHANGED,
        errors=errors,
        values=form.shown,
        status=409,
        context=context_of(now, meanwhile=True),
    )
