"""Start the web server."""

import asyncio
import contextlib
import copy
import os
import socket
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from webapp import descriptors, employees, schema, settings
from webapp.auth import links, set_up
from webapp.database import database
from webapp.private_files import warn_if_others_can_read
from webapp.protocol import BoundedProtocol

# So much of an answer the system keeps for a client that does not take it.
MAX_BYTES_UNSENT = 131072
FIRST_STEPS = """No administrator can log in yet. Open the address below to set one up, or, in another terminal, run:
  python run.py create-user --email you@example.com --first-name You --last-name Yourself"""
SAMPLE = "  python run.py load-sample     (ten made-up employees to look around with)"


def serve() -> None:
    """Make the database ready, say which address to open, and answer requests until told to stop."""
    descriptors.raise_limit()
    steps = asyncio.run(first_steps())
    if schema.engine_name() == "sqlite":
        warn_if_others_can_read(Path(settings.DATABASE_URL.database))
    for step in steps:
        print(step)
    listener = listen()
    address = links.local(*listener.getsockname()[:2])
    if settings.PORT == 0 and not settings.PUBLIC_URL:
        settings.PUBLIC_URL = os.environ["PUBLIC_URL"] = address  # for this process and its workers
    print(f"Latchkey is at {address}  (Ctrl+C stops it)", flush=True)
    if steps:
        print(f"Set up the first administrator, once, at {asyncio.run(set_up_address(address))}", flush=True)
    config = server_config()
    if settings.WORKERS > 1:
        from uvicorn.supervisors import Multiprocess  # only here: what watches files takes long to import

        Multiprocess(config, sockets=[listener]).run()
    else:
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


async def first_steps() -> list[str]:
    """Make sure of the tables, and return what there is to do while no administrator can log in."""
    async with database:
        await schema.ensure_current()
        if await employees.somebody_rules():
            return []
        return [FIRST_STEPS] if await employees.anybody() else [FIRST_STEPS, SAMPLE]


async def set_up_address(address: str) -> str:
    """Return where the first administrator is made; the token in it is good once, for this database."""
    async with database:
        token = await set_up.new_token()
    return f"{settings.PUBLIC_URL or address}{set_up.PATH}?token={token}"


def listen() -> socket.socket:
    """Return a socket on HOST and PORT, or end the program with one line."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    try:
        listener = socket.create_server((settings.HOST, settings.PORT), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        settings.refuse(f"it cannot listen on {settings.HOST} port {settings.PORT} ({reason}); set HOST or PORT")
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux, macOS: else a client that does not read has megabytes kept for it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_BYTES_UNSENT)
    return listener


def server_config() -> uvicorn.Config:
    """Return uvicorn's settings, from ours."""
    return uvicorn.Config(
        "webapp.app:app",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=log_config(),
        workers=settings.WORKERS,
        log_level=settings.LOG_LEVEL,
        access_log=False,
        proxy_headers=False,  # webapp/proxies.py reads them
        server_header=False,
        timeout_graceful_shutdown=10,
        # On a busy machine a worker takes more than uvicorn's five seconds to begin, and would be killed over and over.
        timeout_worker_healthcheck=30,
    )


def log_config() -> dict[str, Any]:
    """Return uvicorn's way of logging for everything that logs, with a bound on what strangers can have written."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"repeated": {"()": "webapp.repeated_lines.RepeatedLines"}}
    config["handlers"]["default"]["filters"] = ["repeated"]
    config["loggers"]["latchkey"] = {"handlers": ["default"], "level": settings.LOG_LEVEL.upper(), "propagate": False}
    config["root"] = {"handlers": ["default"], "level": "WARNING"}
    return config
