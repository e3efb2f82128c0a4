"""Bare Starlette: what a JSON answer costs when nobody asks who you are."""

import json
import os

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
# What else a contender's answer says, where the same bytes are to be compared.
HEADERS = [(name.encode(), value.encode()) for name, value in json.loads(os.environ.get("BENCH_HEADERS", "[]"))]


async def me(request: Request) -> Response:
    response = JSONResponse(EMPLOYEE)
    response.raw_headers += HEADERS
    return response


app = Starlette(routes=[Route("/api/me", me)])
