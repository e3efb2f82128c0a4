"""What programs call: log in, log out, who am I, and is the server well."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from webapp.auth import outcomes, signins
from webapp.auth.access import open_to_all
from webapp.auth.login import log_in
from webapp.database import database


@open_to_all
async def login(request: Request) -> Response:
    """Log in with a form and get a token; no cookie is set."""
    sign_in, _ = await log_in(request, "api")
    return outcomes.token_json(signins.token_for(sign_in))


async def me(request: Request) -> Response:
    """Return one's own details."""
    return JSONResponse(request.user.as_json())


@open_to_all
async def healthz(request: Request) -> Response:
    """Tell whether the server can do its work, and nothing else (ASVS 13.4.5)."""
    try:
        await database.fetch_val("SELECT 1")
    except Exception:  # whatever keeps the database away, the answer is the same
        raise HTTPException(503, headers={"Retry-After": "5"}) from None
    return JSONResponse({"status": "ok"})
