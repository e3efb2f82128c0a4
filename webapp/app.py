"""The application: its routes, its middleware in order, its error handlers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from webapp import api, settings
from webapp.answers import on_failure
from webapp.auth.access import closed_unless_open, open_to_all
from webapp.auth.backend import JWTBackend
from webapp.auth.outcomes import on_http_exception
from webapp.csrf import CrossSiteGuard
from webapp.database import create_tables, database
from webapp.headers import SecurityHeaders
from webapp.limits import BodyLimits
from webapp.pages import home, sign_in

static = open_to_all(StaticFiles(directory=settings.ROOT / "static", packages=[("js_lib_htmx", "static/htmx")]))

routes = [
    Route("/", home.front),
    Route("/auth/login", sign_in.login),
    Route("/auth/token", sign_in.token, methods=["POST"]),
    Route("/auth/logout", sign_in.logout, methods=["POST"]),
    Route("/auth/home", home.home),
    Route("/admin/me", home.my_info),
    Route("/api/login", api.login, methods=["POST"]),
    Route("/api/logout", sign_in.logout, methods=["POST"]),
    Route("/api/me", api.me),
    Route("/healthz", api.healthz),
    Mount("/static", static),
]

middleware = [
    Middleware(SecurityHeaders),
    Middleware(BodyLimits),
    Middleware(AuthenticationMiddleware, backend=JWTBackend()),
    Middleware(CrossSiteGuard),
]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep the database connected while the application runs."""
    async with database:
        await create_tables()
        yield


app = Starlette(
    routes=closed_unless_open(routes),
    middleware=middleware,
    exception_handlers={HTTPException: on_http_exception, Exception: on_failure},
    lifespan=lifespan,
)
app.router.redirect_slashes = False
