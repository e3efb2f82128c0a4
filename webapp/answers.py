"""The outcome table, written once: each answer as a full page, an HTMX fragment or JSON."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from webapp import cookies, repeated_lines, settings
from webapp.clients import Client, client_of, is_in_dialog
from webapp.headers import has_token, headers_for
from webapp.quick import HTMLAnswer, JSONAnswer
from webapp.templating import templates

log = logging.getLogger("latchkey")

MESSAGE = Markup('\n<div id="flash" hx-swap-oob="innerHTML"><p class="message">{}</p></div>')
SENTENCES = {
    400: "This request could not be read. Mend it and send it again.",
    403: "You may not do this. Ask an administrator if you need to.",
    404: "There is no such page. Check the address, or start from home.",
    405: "This address does not take that method. The Allow header names those that it takes.",
    408: "The request took too long to arrive. Send it again.",
    413: f"This is too large. Send at most {settings.MAX_BODY_BYTES:,} bytes.",
    414: "This address is too long. Shorten it and try again.",
    429: "Too many attempts. Try again in a few minutes.",
    431: "The headers of this request are too large. Remove this site's cookies, or send fewer headers.",
    415: "Send the fields as a form, with the content type application/x-www-form-urlencoded.",
    500: "Something went wrong on our side. Try again; if it goes on, tell an administrator the number",
    503: "We cannot do this just now. Try again in a few seconds.",
}


class Refused(HTTPException):
    """A request that is refused with a sentence of its own and an error code of RFC 6749 5.2."""

    def __init__(self, detail: str, error: str, *, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.error = error


class FormRefused(Refused):
    """A form that cannot be accepted: it is shown again with what to mend.

    Args:
        form: the form's template, whose fragment is the form alone and whose element has that id.
        detail: the sentence above the form.
        errors: for each wrong field, what to mend.
        values: for each field, what was typed and may be shown again; never a password.
        error: the error code of RFC 6749 5.2.
        status: the status for pages; JSON clients get 400 instead of 422.
        context: what else the page shows.
        place: the CSS selector of the element that HTMX replaces, where it is not the form's id.
    """

    def __init__(
        self,
        form: str,
        detail: str,
        *,
        errors: Mapping[str, str],
        values: Mapping[str, Any],
        error: str = "invalid_request",
        status: int = 422,
        headers: dict[str, str] | None = None,
        context: Mapping[str, Any] | None = None,
        place: str | None = None,
    ) -> None:
        super().__init__(detail, error, status=status, headers=headers)
        self.place = place or f"#{form}"
        self.form, self.errors, self.values, self.context = form, errors, values, context or {}


def page(
    request: Request, name: str, context: Mapping[str, Any], status: int = 200, message: str | None = None
) -> Response:
    """Return a page with the message that is waiting for it; for HTMX its title and its fragment alone.

    Args:
        name: the page's template; its fragment's is the same with `_` before it.
        context: what the template shows.
        status: the status of the answer.
        message: what has just been done, where no redirect comes between.
    """
    if client_of(request) is Client.HTMX:
        return HTMLAnswer(fragment(request, name, context, message), status)
    # Who opens a link, good or not, takes no message that waits for another page of the same browser.
    waiting = None if has_token(request.scope) else cookies.message_in(request)
    whole = templates.get_template(f"{name}.html")
    shown = {**context, **who_asks(request), "message": message or waiting, "fragment": False}
    response = HTMLAnswer(whole.render(shown), status)
    if waiting is not None:
        cookies.remove_message(response, request)
    return response


def who_asks(request: Request) -> dict[str, Any]:
    """Return what a template knows of who asks: `user`, and whether they `may(…)` do what needs a scope."""
    scopes = getattr(request.scope.get("auth"), "scopes", ())
    return {"user": request.scope.get("user"), "may": scopes.__contains__}


def fragment(request: Request, name: str, context: Mapping[str, Any], message: str | None) -> str:
    """Return a page's title and its fragment, and the message, which HTMX puts where the page shows it."""
    whole = templates.get_template(f"{name}.html")
    shown = {**context, **who_asks(request), "fragment": True}
    title = "".join(whole.blocks["title"](whole.new_context(shown)))
    text = f"<title>{title}</title>\n{templates.get_template(f'_{name}.html').render(shown)}"
    return text if message is None else f"{text}{MESSAGE.format(message)}"


def redirect(request: Request, path: str, status: int = 204) -> Response:
    """Send the client to another page of this site; `status` is what HTMX sees, which must never be a 3xx."""
    if client_of(request) is Client.HTMX:
        address = quote(path, safe="/?#%&=:@!$'()*+,;[]")
        return Response(status_code=status, headers={"HX-Redirect": address, "HX-Reswap": "none"})
    return RedirectResponse(path, 303)


def refusal(
    request: Request,
    status: int,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    error: str | None = None,
) -> Response:
    """Return an error of one sentence in the client's form."""
    sentence = detail or SENTENCES.get(status, SENTENCES[400])
    if client_of(request) is Client.JSON:
        body = {"detail": sentence, "error": error} if error else {"detail": sentence}
        return JSONAnswer(body, status, headers)
    if client_of(request) is Client.HTMX:
        told = templates.get_template("_error.html").render(sentence=sentence)
        where = {"HX-Retarget": "#relogin-problem" if is_in_dialog(request) else "#flash", "HX-Reswap": "innerHTML"}
        return HTMLAnswer(told, status, {**(headers or {}), **where, "HX-Push-Url": "false"})
    response = page(request, "error", {"status": status, "sentence": sentence}, status)
    response.headers.update(headers or {})
    return response


def form_refusal(request: Request, refused: FormRefused) -> Response:
    """Return a form with what to mend, and what was typed."""
    if client_of(request) is Client.JSON:
        status = 400 if refused.status_code == 422 else refused.status_code
        body = {"detail": refused.detail, "error": refused.error}
        return JSONAnswer({**body, "fields": refused.errors} if refused.errors else body, status, refused.headers)
    context = {**refused.context, "sentence": refused.detail, "errors": refused.errors, "values": refused.values}
    response = page(request, refused.form, context, refused.status_code)
    response.headers.update(refused.headers or {})
    if client_of(request) is Client.HTMX:
        response.headers.update({"HX-Retarget": refused.place, "HX-Reswap": "outerHTML"})
    return response


async def on_failure(request: Request, exc: Exception) -> Response:
    """Answer an unexpected failure with a number by which the log tells what it was."""
    number = secrets.token_hex(8)
    what = (number, request.method, request.scope["path"], type(exc).__name__)
    log.error("Request %s failed: %s %r: %s", *what, extra=repeated_lines.EACH)
    response = refusal(request, 500, f"{SENTENCES[500]} {number}.", {"X-Request-ID": number})
    response.raw_headers.extend(headers_for(request.scope, 500))
    return response
