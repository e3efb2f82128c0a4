"""The front page, and home."""

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers
from webapp.auth.access import open_to_all
from webapp.clients import Client, client_of
from webapp.pages.sign_in import login_form
from webapp.quick import JSONAnswer


@open_to_all
async def front(request: Request) -> Response:
    """Show home to somebody who is logged in, and the login form to everybody else."""
    if request.user.is_authenticated:
        return await home(request)
    return login_form(request)


async def home(request: Request) -> Response:
    """Show what there is for somebody who is logged in."""
    if client_of(request) is Client.JSON:
        links = {"my_info": "/api/me", "log_out": "/api/logout"}
        return JSONAnswer({"name": request.user.display_name, "links": links})
    return answers.page(request, "home", {})
