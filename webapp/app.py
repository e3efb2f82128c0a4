"""The application: its routes, its middleware in order, its error handlers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Mount, Route

from webapp import api, request_log, schema, settings, static_files
from webapp.answers import on_failure
from webapp.auth import changes, forgotten, housekeeping, last_used
from webapp.auth.access import closed_unless_open, open_to_all
from webapp.auth.backend import JWTBackend
from webapp.auth.outcomes import on_http_exception, on_sign_in_ended, on_unavailable
from webapp.auth.renewal import Renewal
from webapp.auth.signins import SignInEnded
from webapp.csrf import CrossSiteGuard
from webapp.database import Unavailable, database
from webapp.headers import SecurityHeaders
from webapp.limits import BodyLimits
from webapp.pages import (
    employee_account,
    employee_edit,
    employee_log,
    employees,
    forgot,
    home,
    my_info,
    notes,
    password,
    password_links,
    relogin,
    set_up,
    sign_in,
    sign_ins,
    tokens,
)
from webapp.request_log import RequestLog

# The first that matches answers: what is asked most often comes first.
routes = [
    Route("/api/me", my_info.my_info),
    Route("/admin/me", my_info.my_info),
    Route("/", home.front),
    Route("/auth/home", home.home),
    Route("/auth/login", sign_in.login),
    Route("/auth/token", sign_in.token, methods=["POST"]),
    Route("/auth/logout", sign_in.logout, methods=["POST"]),
    Route("/auth/relogin", relogin.show),
    Route("/api/me", my_info.change, methods=["PATCH"]),
    Route("/admin/me", my_info.change, methods=["POST"]),
    Mount("/static", open_to_all(static_files.files)),
    Route("/auth/sign-ins", sign_ins.show),
    Route("/auth/sign-ins/end-others", sign_ins.end_others, methods=["POST"]),
    Route("/auth/sign-ins/{id}/end", sign_ins.end, methods=["POST"]),
    Route("/auth/tokens", tokens.make, methods=["POST"]),
    Route("/auth/password", password.password, methods=["GET", "POST"]),
    Route("/api/password", password.password, methods=["GET", "POST"]),
    Route("/auth/link", password_links.link, methods=["GET", "POST"]),
    Route("/api/link", password_links.link, methods=["GET", "POST"]),
    Route("/auth/forgot", forgot.forgot, methods=["GET", "POST"]),
    Route("/api/forgot", forgot.forgot, methods=["GET", "POST"]),
    Route("/auth/set-up", set_up.page, methods=["GET", "POST"]),
    Route("/api/set-up", set_up.page, methods=["POST"]),
    Route("/api/login", api.login, methods=["POST"]),
    Route("/api/logout", sign_in.logout, methods=["POST"]),
    Route("/api/refresh", api.refresh, methods=["POST"]),
    Route("/api/sign-ins", sign_ins.show),
    Route("/api/sign-ins/end-others", sign_ins.end_others, methods=["POST"]),
    Route("/api/sign-ins/{id}/end", sign_ins.end, methods=["POST"]),
    Route("/api/tokens", tokens.make, methods=["POST"]),
    Route("/.well-known/change-password", sign_in.change_password),
    Route("/notes", notes.every),
    Route("/notes", notes.add, methods=["POST"]),
    Route("/notes/{id:int}", notes.one),
    Route("/notes/{id:int}", notes.save, methods=["POST"]),
    Route("/notes/{id:int}/edit", notes.edit),
    Route("/notes/{id:int}/delete", notes.remove, methods=["POST"]),
    Route("/employees", employees.every),
    Route("/employees", employees.create, methods=["POST"]),
    Route("/employees/new", employees.new),
    Route("/employees/{emp_no}", employees.one),
    Route("/employees/{emp_no}/edit", employee_edit.edit),
    Route("/employees/{emp_no}/edit", employee_edit.change, methods=["POST"]),
    Route("/employees/{emp_no}/scopes", employee_account.scopes),
    Route("/employees/{emp_no}/scopes", employee_account.change_scopes, methods=["POST"]),
    Route("/employees/{emp_no}/log", employee_log.show),
    Route("/employees/{emp_no}/deactivate", employee_account.deactivate, methods=["POST"]),
    Route("/employees/{emp_no}/activate", employee_account.activate, methods=["POST"]),
    Route("/employees/{emp_no}/password-link", employee_account.password_link, methods=["POST"]),
    Route("/employees/{emp_no}/sign-ins/end-all", employee_account.end_all, methods=["POST"]),
    Route("/employees/{emp_no}/sign-ins/{id}/end", employee_account.end, methods=["POST"]),
    Route("/api/employees", employees.every),
    Route("/api/employees", employees.create, methods=["POST"]),
    Route("/api/employees/{emp_no}", employees.one),
    Route("/api/employees/{emp_no}", employee_edit.change, methods=["PATCH", "PUT"]),
    Route("/api/employees/{emp_no}/scopes", employee_account.change_scopes, methods=["PUT"]),
    Route("/api/employees/{emp_no}/log", employee_log.show),
    Route("/api/employees/{emp_no}/deactivate", employee_account.deactivate, methods=["POST"]),
    Route("/api/employees/{emp_no}/activate", employee_account.activate, methods=["POST"]),
    Route("/api/employees/{emp_no}/password-link", employee_account.password_link, methods=["POST"]),
    Route("/api/employees/{emp_no}/sign-ins", employee_account.their_sign_ins),
    Route("/api/employees/{emp_no}/sign-ins/end-all", employee_account.end_all, methods=["POST"]),
    Route("/api/employees/{emp_no}/sign-ins/{id}/end", employee_account.end, methods=["POST"]),
    Route("/healthz", api.healthz),
]

middleware = [
    *([Middleware(RequestLog)] if settings.ACCESS_LOG else []),
    Middleware(SecurityHeaders),
    Middleware(BodyLimits),
    Middleware(AuthenticationMiddleware, backend=JWTBackend()),
    Middleware(CrossSiteGuard),
    Middleware(Renewal),
]


background = (
    changes.follow,
    last_used.keep_writing,
    housekeeping.keep_tidy,
    request_log.keep_writing,
    forgotten.keep_mailing,
)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep the database connected, and the small tasks running, while the application runs."""
    async with database:
        await schema.ensure_current()
        await changes.start()
        tasks = [asyncio.create_task(task()) for task in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


app = Starlette(
    routes=closed_unless_open(routes),
    middleware=middleware,
    exception_handlers={
        HTTPException: on_http_exception,
        Unavailable: on_unavailable,
        SignInEnded: on_sign_in_ended,
        Exception: on_failure,
    },
    lifespan=lifespan,
)
app.router.redirect_slashes = False
