"""What was done to an employee: their part of the audit log, for administrators."""

from dataclasses import asdict

from sqlalchemy import true
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, employee_rules
from webapp.answers import Refused
from webapp.audit_entries import entries
from webapp.clients import Client, client_of
from webapp.pages.employees import employee_of
from webapp.quick import JSONAnswer
from webapp.tables import audit

ENTRIES_SHOWN = 50


@requires("admin:read")
async def show(request: Request) -> Response:
    """Show the entries on an employee, the newest first; `before` is the id of the entry that the page comes after."""
    employee = await employee_of(request)
    before = before_in(request)
    older = true() if before is None else audit.c.id < before
    found = await entries((audit.c.emp_no == employee.emp_no) & older, ENTRIES_SHOWN + 1)
    shown = found[:ENTRIES_SHOWN]
    following = f"{request.scope['path']}?before={shown[-1].id}" if len(found) > ENTRIES_SHOWN else None
    if client_of(request) is Client.JSON:
        return JSONAnswer({"entries": [asdict(entry) for entry in shown], "next": following})
    context = {"employee": employee, "entries": shown, "next": following, "is_first": before is None}
    return answers.page(request, "employee_log", context)


def before_in(request: Request) -> int | None:
    """Return the entry that the page comes after, None for the first page."""
    given = request.query_params.getlist("before")
    if not given:
        return None
    try:
        (text,) = given
        return employee_rules.emp_no(text)
    except ValueError:
        raise Refused("There is no such part of the log. Start from its first page.", "invalid_request") from None
