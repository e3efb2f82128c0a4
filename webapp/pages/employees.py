"""The employees: the list in which one searches, one of them, a new one."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.authentication import requires
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies, directory, employees
from webapp.answers import Refused
from webapp.auth import administration
from webapp.auth.scopes import within
from webapp.bodies import FORM, JSON
from webapp.clients import Client, client_of
from webapp.database import Duplicate
from webapp.employee_form import DETAILS, EmployeeForm
from webapp.employee_rules import LARGEST_NUMBER
from webapp.employees import Employee
from webapp.fields import Fields, refusal, submitted
from webapp.pages.sign_ins import KINDS, Row, rows_of
from webapp.quick import JSONAnswer
from webapp.terms import LONGEST_QUERY

NUMBER = re.compile(r"[1-9][0-9]{0,9}")
SORT_CHOICES = (
    ("name", "Name, A to Z"),
    ("-name", "Name, Z to A"),
    ("number", "Number, lowest first"),
    ("-number", "Number, highest first"),
    ("-hired", "Hired last first"),
    ("hired", "Hired first first"),
)
GENDERS = {"F": "Female", "M": "Male", "X": "Other", None: None}
TAKEN = "Another employee has this email"


@requires("admin:read")
async def every(request: Request) -> Response:
    """Show a page of the employees that a search finds."""
    asked = request.query_params
    sort, limit = asked.get("sort") or "name", number_in(asked.get("limit") or str(directory.PAGE))
    after = number_in(asked["after"]) if asked.get("after") else None
    query = asked.get("q", "")[:LONGEST_QUERY]
    if sort not in directory.SORTS or not 1 <= limit <= directory.LONGEST_PAGE:
        known = ", ".join(directory.SORTS)
        raise Refused(f"Sort by one of {known}, with a limit from 1 to {directory.LONGEST_PAGE}", "invalid_request")
    try:
        page = await directory.page(query, sort, after, limit)
    except directory.NoSuchPlace:
        raise Refused("Nobody has the number in `after`. Start from the first page", "invalid_request") from None
    kept = {
        "q": query,
        **({"sort": sort} if sort != "name" else {}),
        **({"limit": limit} if asked.get("limit") else {}),
    }
    path = request.scope["path"]
    further = f"{path}?{urlencode({**kept, 'after': page.after})}" if page.after else None
    if client_of(request) is Client.JSON:
        entries = [{name: getattr(entry, name) for name in directory.Entry.__slots__} for entry in page.entries]
        return JSONAnswer({"employees": entries, "next": further})
    context = {"query": query, "sort": sort, "sorts": SORT_CHOICES, "entries": page.entries, "further": further}
    return answers.page(request, "employees", {**context, "first": f"{path}?{urlencode(kept)}" if after else None})


def number_in(text: str) -> int:
    """Return a number in an address that can be an employee's, or refuse it."""
    if not NUMBER.fullmatch(text) or int(text) > LARGEST_NUMBER:
        raise Refused("Numbers in the address are whole and positive. Start from the first page", "invalid_request")
    return int(text)


def number_of(request: Request) -> int:
    """Return the employee's number in a path; what cannot be one is not found."""
    text = request.path_params["emp_no"]
    if not NUMBER.fullmatch(text) or int(text) > LARGEST_NUMBER:
        raise HTTPException(404)
    return int(text)


async def employee_of(request: Request) -> Employee:
    """Return the employee that a path names; one who does not exist is not found."""
    found = await employees.with_number(number_of(request))
    if found is None:
        raise HTTPException(404)
    return found


@requires("admin:read")
async def one(request: Request) -> Response:
    """Show an employee."""
    employee = await employee_of(request)
    if client_of(request) is Client.JSON:
        return as_json(employee)
    return answers.page(request, "employee", await context_of(request, employee))


def as_json(employee: Employee, status: int = 200, **headers: str) -> Response:
    """Return an employee to a program, with the version that a change must name (RFC 9110 8.8.3)."""
    body = {**employee.as_json(), "is_active": employee.is_active, "version": employee.version}
    return JSONAnswer(body, status, {"ETag": f'"{employee.version}"', **headers})


async def context_of(request: Request, employee: Employee) -> dict[str, Any]:
    """Return all that an employee's page shows."""
    may = request.auth.scopes
    return {
        "employee": employee,
        "genders": GENDERS,
        "may_change": "admin:write" in may and within(employee.scopes, may),
        "is_token": request.auth.sign_in.kind == "token",
        "sign_ins": await rows_of(employee.emp_no, request.auth.sign_in),
        "kinds": KINDS,
        "link": None,
    }


def sign_ins_json(rows: list[Row]) -> Response:
    """Return sign-ins to a program."""
    return JSONAnswer({"sign_ins": [{field: getattr(row, field) for field in Row.__slots__} for row in rows]})


@requires("admin:write")
async def new(request: Request) -> Response:
    """Show the form for a new employee."""
    values = dict.fromkeys(DETAILS, "")
    return answers.page(request, "employee_new", {"sentence": None, "errors": {}, "values": values})


@requires("admin:write")
async def create(request: Request) -> Response:
    """Add an employee, who can log in once they have set a password with a link."""
    form = await submitted(request, EmployeeForm, "employee_new", kinds=kinds_of(request))
    form.check_order({})
    form.check_email({})
    await refuse_problems(request, form, "employee_new", {})
    try:
        emp_no = await administration.create(request, form.data)
    except Duplicate:
        form.problems["email"] = TAKEN
        raise await refusal(request, form, "employee_new") from None
    if client_of(request) is Client.JSON:
        added = await employees.with_number(emp_no)
        assert added is not None
        return as_json(added, 201, Location=f"/api/employees/{emp_no}")
    return done(
        request, emp_no, f"{form.data['first_name']} {form.data['last_name']} was added. Make a password link next"
    )


def kinds_of(request: Request) -> tuple[str, ...]:
    """Return the content types that a route takes from this client."""
    return (JSON, FORM) if client_of(request) is Client.JSON else (FORM,)


async def refuse_problems(request: Request, form: Fields, template: str, context: Mapping[str, Any]) -> None:
    """Refuse a form in which something was found to be wrong beyond its single fields."""
    if form.problems:
        raise await refusal(request, form, template, lambda _: given(context))


async def given(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a context that is there already."""
    return context


def done(request: Request, emp_no: int, sentence: str) -> Response:
    """Say what was done: as JSON, or on the employee's page."""
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": sentence})
    response = answers.redirect(request, f"/employees/{emp_no}")
    cookies.set_message(response, request, sentence)
    return response
