"""What programs call: log in, go on with a refresh token, and is the server well."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from webapp.answers import Refused
from webapp.auth import outcomes, signins
from webapp.auth import refresh as refresh_tokens
from webapp.auth.access import open_to_all
from webapp.auth.login import log_in
from webapp.auth.logout import end_sessions
from webapp.bodies import FORM, JSON, Body, read_fields
from webapp.database import database
from webapp.forms import read_form
from webapp.quick import JSONAnswer


@open_to_all
async def login(request: Request) -> Response:
    """Log in with a form and get a token and a refresh token; no cookie is set."""
    sign_in, _ = await log_in(request, "api")
    return outcomes.token_json(signins.token_for(sign_in), await refresh_tokens.issue(sign_in.id))


@open_to_all
async def logout(request: Request) -> Response:
    """End the session of the credential, and those of the tokens in the body, which need none (RFC 7009)."""
    body = await read_fields(request, (FORM, JSON)) if await request.body() else Body({})
    given_up = [body.values.get(name, [""]) for name in ("token", "refresh_token")]
    if any(len(tokens) != 1 for tokens in given_up):
        raise Refused("Send token or refresh_token once", "invalid_request")
    ended = await end_sessions(request.auth, "logged out", [token for (token,) in given_up if token])
    return outcomes.logged_out(request, was_logged_in=ended > 0)


@open_to_all
async def refresh(request: Request) -> Response:
    """Change a refresh token for a new token and a new refresh token (RFC 6749 6)."""
    try:
        form = await read_form(request)
    except HTTPException:
        raise Refused("Send grant_type and refresh_token as a form in UTF-8", "invalid_request") from None
    grant_types, tokens = form.get("grant_type", []), form.get("refresh_token", [])
    if len(grant_types) != 1 or len(tokens) != 1 or not tokens[0]:
        raise Refused("Send grant_type=refresh_token and refresh_token, each once", "invalid_request")
    if grant_types != ["refresh_token"]:
        raise Refused("Only the grant_type refresh_token is taken here", "unsupported_grant_type")
    sign_in, successor = await refresh_tokens.rotate(tokens[0])
    return outcomes.token_json(signins.token_for(sign_in), successor)


@open_to_all
async def healthz(request: Request) -> Response:
    """Tell whether the server can do its work, and nothing else (ASVS 13.4.5)."""
    try:
        await database.fetch_val("SELECT 1")
    except Exception:  # whatever keeps the database away, the answer is the same
        raise HTTPException(503, headers={"Retry-After": "5"}) from None
    return JSONAnswer({"status": "ok"})
