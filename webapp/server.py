"""Start the web server."""

import asyncio
import contextlib
import copy
import os
import socket
from pathlib import Path

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from webapp import employees, schema, settings
from webapp.auth import links, set_up
from webapp.database import database
from webapp.private_files import warn_if_others_can_read
from webapp.protocol import BoundedProtocol

FIRST_STEPS = """There is no employee yet. Open the address below to set up your account, or, in another terminal, run:
  python run.py create-user --email you@example.com --first-name You --last-name Yourself --scopes 'user:read,super:*'
  python run.py load-sample     (ten made-up employees to look around with)"""


def serve() -> None:
    """Make the database ready, say which address to open, and answer requests until told to stop."""
    inhabited = asyncio.run(is_inhabited())
    if schema.engine_name() == "sqlite":
        warn_if_others_can_read(Path(settings.DATABASE_URL.database))
    if not inhabited:
        print(FIRST_STEPS)
    listener = listen()
    address = links.local(*listener.getsockname()[:2])
    if settings.PORT == 0 and not settings.PUBLIC_URL:
        settings.PUBLIC_URL = os.environ["PUBLIC_URL"] = address  # for this process and its workers
    print(f"Latchkey is at {address}  (Ctrl+C stops it)", flush=True)
    if not inhabited:
        print(f"Set up the first account, once, at {asyncio.run(set_up_address(address))}", flush=True)
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


async def set_up_address(address: str) -> str:
    """Return where the first administrator's account is made; the token in it is good once, for this database."""
    async with database:
        token = await set_up.new_token()
    return f"{settings.PUBLIC_URL or address}{set_up.PATH}?token={token}"


def listen() -> socket.socket:
    """Return a socket on HOST and PORT, or end the program with one line."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    try:
        return socket.create_server((settings.HOST, settings.PORT), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        settings.refuse(f"it cannot listen on {settings.HOST} port {settings.PORT} ({reason}); set HOST or PORT")


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
        # On a busy machine a worker takes more than uvicorn's five seconds to begin, and would be killed over and over.
        timeout_worker_healthcheck=30,
    )
