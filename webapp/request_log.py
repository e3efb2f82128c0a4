"""One line for each request that was answered, written in batches: a line at a time would cost a third of the speed."""

import asyncio
import re
import sys
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp import clock

EVERY_SECONDS = 0.25
TOGETHER = 2000

# A question mark that a mail program has encoded, once or more often: what follows is a query all the same.
ENCODED_QUERY = re.compile("%(25)*3f.*", re.IGNORECASE | re.DOTALL)

# When, from where, who, method, path, status and seconds, of each request that is not written yet.
Note = tuple[float, str, str, str, str, int, float]
notes: list[Note] = []


class RequestLog:
    """Notes when, from where, by whom and what was asked, and the answer; never a query, which may be private."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = clock.steady(), 500

        async def send_and_notice(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_notice)
        finally:
            note(scope, status, clock.steady() - began)


def note(scope: Scope, status: int, seconds: float) -> None:
    """Keep what a line tells until it is written."""
    user, client = scope.get("user"), scope.get("client")
    who = user.identity if user is not None and user.is_authenticated else "-"
    path = scope["raw_path"].decode("latin-1")
    notes.append((clock.now(), client[0] if client else "-", who, scope["method"], path, status, seconds))
    if len(notes) >= TOGETHER:
        write()


def write() -> None:
    """Write every note down, if there is any."""
    if notes:
        lines = "".join(map(line_of, notes))
        notes.clear()
        sys.stdout.write(lines)
        sys.stdout.flush()


def line_of(noted: Note) -> str:
    """Return a note as a line, its time in ISO 8601 and UTC (ASVS 16.2.2), in which nothing controls a terminal."""
    when, address, who, method, path, status, seconds = noted
    if "%" in path:
        path = ENCODED_QUERY.sub("", path)
    moment = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    line = f"{moment}Z {address} {who} {method} {path} {status} {seconds * 1000:.1f}ms"
    return f"{line if line.isprintable() else line.encode('unicode_escape').decode()}\n"


async def keep_writing() -> None:
    """Write a few times a second, and for the last time when the program ends."""
    try:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            write()
    finally:
        write()
