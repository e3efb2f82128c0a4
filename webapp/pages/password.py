"""Change one's own password."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp import answers, cookies, employees
from webapp.answers import FormRefused
from webapp.audit import Action
from webapp.auth import accounts, attempt_log, known_browsers, outcomes, password_rules, passwords, signins, throttle
from webapp.auth import refresh as refresh_tokens
from webapp.auth.authority import refuse_personal_tokens
from webapp.auth.held import SignIn
from webapp.auth.logout import end_before
from webapp.clients import Client, client_of
from webapp.fields import Context, Fields, refusal, submitted
from webapp.inputs import Secret
from webapp.quick import JSONAnswer

FORM = "change_password"
THE_SAME = "Choose a password other than your current one"
NOT_THE_CURRENT_ONE = "This is not your current password"
CHANGED = "Your password has changed, and every other sign-in of yours has ended"


class ChangePassword(Fields):
    """The current password and a new one."""

    current_password = Secret("your current password", passwords.LONGEST)
    new_password = Secret("a new password", passwords.LONGEST)


async def password(request: Request) -> Response:
    """Show the form, or change the password with it."""
    refuse_personal_tokens(request)
    if request.method == "POST":
        return await changed(request)
    if client_of(request) is Client.JSON:
        detail = "POST the form fields current_password and new_password to /api/password"
        return JSONAnswer({"detail": detail, "rules": password_rules.in_words()})
    return answers.page(request, FORM, {**await context_of(request), "sentence": None, "errors": {}})


async def context_of(request: Request) -> dict[str, Any]:
    """Return all that the page shows."""
    return {"rules": password_rules.in_words()}


async def changed(request: Request) -> Response:
    """Change the password; this sign-in goes on as a new one with a new token, every other has ended."""
    form = await submitted(request, ChangePassword, FORM, context=context_of)
    user, current, new = request.user, form.data["current_password"], form.data["new_password"]
    if await passwords.are_the_same(new, current):
        form.problems["new_password"] = THE_SAME
        raise await refusal(request, form, FORM, context_of)
    await refuse_weak(request, form, FORM, (user.first_name, user.last_name, user.email), context_of)
    sign_in = await judged(request, current, new)
    if sign_in is None:
        errors, context = {"current_password": NOT_THE_CURRENT_ONE}, await context_of(request)
        raise FormRefused(FORM, NOT_THE_CURRENT_ONE, errors=errors, values={}, error="invalid_grant", context=context)
    return await answer(request, sign_in)


async def refuse_weak(
    request: Request, form: Fields, template: str, own_words: tuple[str, ...], context: Context
) -> None:
    """Refuse a form whose `new_password` the rules do not take; `own_words` as they have it."""
    problem = await password_rules.problem_of(form.data["new_password"], own_words)
    if problem:
        form.problems["new_password"] = problem
        raise await refusal(request, form, template, context)


def session_kind(request: Request) -> str:
    """Return the kind of the session that a request opens, as `open_sign_in` has it."""
    return "api" if client_of(request) is Client.JSON else "browser"


async def start_session(request: Request, sign_in: SignIn, message: str) -> Response:
    """Answer with the token of a session that a new password has opened; a browser's session before it ends."""
    token = signins.token_for(sign_in)
    if client_of(request) is Client.JSON:
        return outcomes.token_json(token, await refresh_tokens.issue(sign_in.id))
    await end_before(request)
    response = outcomes.logged_in(request, token, "/auth/home")
    cookies.set_message(response, request, message)
    return response


async def judged(request: Request, current: str, new: str) -> SignIn | None:
    """Return the new sign-in, None where the current password is another one; guesses count as at a login."""
    source = await attempt_log.source_of(request, request.user.email)
    try:
        async with throttle.turn(request, source, request.user) as number:
            sign_in = await replaced(request, current, new)
            await attempt_log.mark(number, attempt_log.CHANGED if sign_in else attempt_log.WRONG)
            return sign_in
    except throttle.TooManyAttempts as too_many:
        raise too_many.refusal(FORM, {}, await context_of(request)) from None


async def replaced(request: Request, current: str, new: str) -> SignIn | None:
    """Return the new sign-in, None where the current password is another one."""
    old_hash = await employees.hash_of(request.user.emp_no)
    if not await passwords.check_password(current, old_hash) or old_hash is None:
        return None
    this = request.auth.sign_in
    return await accounts.replace_password(
        request,
        request.user,
        (old_hash, await passwords.hash_password(new)),
        kind=this.kind,
        action=Action.PASSWORD_CHANGED,
        asked_by=this.id,
    )


async def answer(request: Request, sign_in: SignIn) -> Response:
    """Say what was done, with the new token: in the cookie, or in JSON for a program."""
    token = signins.token_for(sign_in)
    if client_of(request) is Client.JSON:
        again = await refresh_tokens.issue(sign_in.id) if sign_in.kind == "api" else None
        response = outcomes.token_json(token, again)
    else:
        response = answers.redirect(request, "/auth/sign-ins")
        cookies.set_message(response, request, CHANGED)
    if request.auth.by_cookie:
        cookies.set_session(response, request, token.text, token.expires_in)
        known_browsers.tell(response, request)
    return response
