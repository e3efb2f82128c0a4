"""Bare Starlette with Latchkey's templates, without middleware and without authentication."""

from pathlib import Path
from types import SimpleNamespace

import jinja2
from bare import EMPLOYEE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
person = SimpleNamespace(**EMPLOYEE, is_authenticated=True, display_name="Ada Nowak", identity="10001")
nobody = SimpleNamespace(is_authenticated=False)
templates = Jinja2Templates(
    env=jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
)
templates.env.globals.update(static="/static/{}".format, mail_is_on=lambda: False)
may = {"authenticated", "user:read", "user:write"}.__contains__


async def my_info(request: Request) -> Response:
    form = {"may_change": True, "sentence": None, "errors": {}, "values": {"preferred_name": "", "about": ""}}
    context = {"user": person, "may": may, "message": None, "fragment": False, "employee": person, **form}
    return templates.TemplateResponse(request, "my_info.html", context)


async def login(request: Request) -> Response:
    values = {"username": "", "next": ""}
    context = {
        "user": nobody,
        "may": may,
        "message": None,
        "fragment": False,
        "sentence": None,
        "errors": {},
        "values": values,
    }
    return templates.TemplateResponse(request, "login.html", context)


app = Starlette(routes=[Route("/admin/me", my_info), Route("/auth/login", login)])
