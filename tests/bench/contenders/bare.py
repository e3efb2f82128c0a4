"""Bare Starlette: what a JSON answer costs when nobody asks who you are."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

EMPLOYEE = {
    "emp_no": 10001,
    "email": "e10001@example.com",
    "birth_date": "1980-02-29",
    "first_name": "Ada",
    "last_name": "Nowak",
    "gender": "F",
    "hire_date": "2020-01-02",
    "scopes": ["user:read", "user:write"],
    "preferred_name": None,
    "about": None,
}


async def me(request: Request) -> Response:
    return JSONResponse(EMPLOYEE)


app = Starlette(routes=[Route("/api/me", me)])
