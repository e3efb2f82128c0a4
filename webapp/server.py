"""Start the web server."""

import asyncio
import contextlib
import copy
import os
import socket

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from webapp import employees, schema, settings
from webapp.database import database
from webapp.protocol import BoundedProtocol

FIRST_STEPS = """There is no employee yet. Make one, or ten made-up ones to look around with, in another terminal:
  python run.py create-user --email you@example.com --first-name You --last-name Yourself --scopes 'user:read,super:*'
  python run.py load-sample"""


def serve() -> None:
    """Make the database ready, say which address to open, and answer requests until told to stop."""
    if not asyncio.run(is_inhabited()):
        print(FIRST_STEPS)
    listener = listen()
    if settings.PORT == 0 and not settings.PUBLIC_URL:
        settings.PUBLIC_URL = os.environ["PUBLIC_URL"] = address_of(listener)  # for this process and its workers
    print(f"Latchkey is at {address_of(listener)}  (Ctrl+C stops it)", flush=True)
    config = server_config()
    if settings.WORKERS > 1:
        from uvicorn.supervisors import Multiprocess  # only here: what watches files takes long to import

        Multiprocess(config, sockets=[listener]).run()
    else:
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


async def is_inhabited() -> bool:
    """Make sure of the tables, and return whether there is any employee."""
    async with database:
        await schema.ensure_current()
        return await employees.anybody()


def listen() -> socket.socket:
    """Return a socket on HOST and PORT, or end the program with one line."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    try:
        return socket.create_server((settings.HOST, settings.PORT), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        settings.refuse(f"it cannot listen on {settings.HOST} port {settings.PORT} ({reason}); set HOST or PORT")


def address_of(listener: socket.socket) -> str:
    """Return the address that a browser on this machine opens."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  it is only read here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_config() -> uvicorn.Config:
    """Return uvicorn's settings, from ours."""
    logging = copy.deepcopy(LOGGING_CONFIG)
    logging["loggers"]["latchkey"] = {"handlers": ["default"], "level": settings.LOG_LEVEL.upper()}
    return uvicorn.Config(
        "webapp.app:app",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=logging,
        workers=settings.WORKERS,
        log_level=settings.LOG_LEVEL,
        access_log=False,
        forwarded_allow_ips=list(settings.FORWARDED_ALLOW_IPS),
        server_header=False,
        timeout_graceful_shutdown=10,
    )
