"""One's own sign-ins: see them, end one, end all the others."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from starlette.authentication import requires
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, clock, cookies, settings
from webapp.auth import outcomes, signins
from webapp.auth.authority import refuse_personal_tokens
from webapp.auth.held import SignIn
from webapp.auth.scopes import closure
from webapp.auth.tokens import SIGN_IN_ID
from webapp.clients import Client, client_of
from webapp.database import database
from webapp.quick import JSONAnswer
from webapp.tables import attempts, sign_ins
from webapp.user_agents import in_words

KINDS = {"browser": "Browser", "api": "Program", "token": "Personal access token"}
OUTCOMES = {
    "pending": "Being looked at",
    "wrong": "Wrong password",
    "logged in": "Logged in",
    "throttled": "Too many attempts",
    "malformed": "Incomplete",
    "changed": "Password changed",
    "by link": "Password set with a link",
    "asked": "Asked for a link by mail",
}
ATTEMPTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A living sign-in, as its owner sees it; times in ISO 8601, UTC."""

    id: str
    kind: str
    name: str | None
    scopes: list[str] | None
    opened: str
    last_used: str
    ends: str
    address: str
    client: str
    this_device: bool


@functools.lru_cache(maxsize=10_000)
def iso(seconds: float) -> str:
    """Return a time in ISO 8601, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def living_of(emp_no: int) -> ColumnElement[bool]:
    """Return the condition of an employee's living sign-ins; a browser's is dead when its token has run out."""
    idle_since = clock.now() - settings.ACCESS_TOKEN_EXPIRE_SECONDS
    return signins.not_over(emp_no) & ((sign_ins.c.kind != "browser") | (sign_ins.c.used > idle_since))


async def rows_of(emp_no: int, this: SignIn) -> list[Row]:
    """Return an employee's living sign-ins, this device first, then the latest used; no more than there may be."""
    latest_first = select(sign_ins).where(living_of(emp_no)).order_by(sign_ins.c.id != this.id, sign_ins.c.used.desc())
    found = await database.fetch_all(latest_first.limit(signins.MAX_SESSIONS + signins.MAX_TOKENS))
    rows = [
        Row(
            id=row["id"],
            kind=row["kind"],
            name=row["name"],
            scopes=None if row["scopes"] is None else row["scopes"].split(),
            opened=iso(row["opened"]),
            last_used=iso(this.used if row["id"] == this.id else row["used"]),
            ends=iso(row["ends"]),
            address=row["address"],
            client=in_words(row["user_agent"]),
            this_device=row["id"] == this.id,
        )
        for row in (one._mapping for one in found)  # three times as quick, where there are many
    ]
    return sorted(rows, key=lambda row: (row.this_device, row.last_used, row.id), reverse=True)


async def attempts_of(emp_no: int) -> list[dict[str, str]]:
    """Return an employee's last attempts to log in, failures included, the newest first."""
    theirs = select(attempts).where(attempts.c.emp_no == emp_no).order_by(attempts.c.id.desc())
    return [
        {
            "when": iso(row["made"]),
            "outcome": row["outcome"],
            "address": row["address"],
            "client": in_words(row["user_agent"]),
        }
        for row in await database.fetch_all(theirs.limit(ATTEMPTS_SHOWN))
    ]


async def context_of(request: Request) -> dict[str, Any]:
    """Return all that the page shows."""
    return {
        "rows": await rows_of(request.user.emp_no, request.auth.sign_in),
        "attempts": await attempts_of(request.user.emp_no),
        "kinds": KINDS,
        "outcomes": OUTCOMES,
        "scope_choices": [(scope, scope) for scope in closure(request.user.scopes)],
        "may_change": request.auth.sign_in.kind != "token",
        "may_make_tokens": "user:write" in request.auth.scopes,
        "new_token": None,
        "sentence": None,
        "errors": {},
        "values": {"name": "", "ends": "", "scopes": []},
    }


@requires("user:read")
async def show(request: Request) -> Response:
    """Show one's own sign-ins and last attempts."""
    if client_of(request) is Client.JSON:
        rows = [
            {field: getattr(row, field) for field in Row.__slots__}
            for row in await rows_of(request.user.emp_no, request.auth.sign_in)
        ]
        return JSONAnswer({"sign_ins": rows, "attempts": await attempts_of(request.user.emp_no)})
    return answers.page(request, "sign_ins", await context_of(request))


async def end(request: Request) -> Response:
    """End one of one's own sign-ins; another's is not found."""
    refuse_personal_tokens(request)
    sid = request.path_params["id"]
    if not SIGN_IN_ID.fullmatch(sid):
        raise HTTPException(404)
    this = (sign_ins.c.id == sid) & living_of(request.user.emp_no)
    if not await signins.end_where(this, "ended by its owner", asked_by=request.auth.sign_in.id):
        raise HTTPException(404)
    if sid == request.auth.sign_in.id:
        return outcomes.logged_out(request, was_logged_in=True)
    return await done(request, "That sign-in has ended")


async def end_others(request: Request) -> Response:
    """End all of one's own sign-ins but this one."""
    refuse_personal_tokens(request)
    others = (sign_ins.c.emp_no == request.user.emp_no) & (sign_ins.c.id != request.auth.sign_in.id)
    await signins.end_where(others, "ended by its owner", asked_by=request.auth.sign_in.id)
    return await done(request, "All other sign-ins have ended")


async def done(request: Request, sentence: str) -> Response:
    """Say what was done: as JSON, or on the page that shows what is left."""
    if client_of(request) is Client.JSON:
        return JSONAnswer({"detail": sentence})
    if client_of(request) is Client.HTMX:
        return answers.page(request, "sign_ins", await context_of(request), message=sentence)
    response = answers.redirect(request, "/auth/sign-ins")
    cookies.set_message(response, request, sentence)
    return response
