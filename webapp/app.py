"""The application: its routes (webapp/routes.py), its middleware in order, its error handlers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware

from webapp import request_log, schema, settings
from webapp.answers import on_failure
from webapp.auth import changes, forgotten, housekeeping, last_used, passwords
from webapp.auth.access import closed_unless_open
from webapp.auth.backend import JWTBackend
from webapp.auth.outcomes import on_http_exception, on_sign_in_ended, on_unavailable
from webapp.auth.renewal import Renewal
from webapp.auth.signins import SignInEnded
from webapp.csrf import CrossSiteGuard
from webapp.database import Unavailable, database
from webapp.headers import SecurityHeaders
from webapp.limits import BodyLimits
from webapp.proxies import Proxies
from webapp.request_log import RequestLog
from webapp.routes import routes

middleware = [
    Middleware(Proxies),
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
        await passwords.learn_highest_cost()
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
