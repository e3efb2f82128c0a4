"""Log in with an email and a password."""

from starlette.requests import Request

from webapp import employees, next_page
from webapp.answers import FormRefused
from webapp.auth import attempt_log, passwords, signins, spraying, throttle
from webapp.auth.held import SignIn
from webapp.database import database
from webapp.employees import Employee
from webapp.forms import Form, only, read_form
from webapp.inputs import is_too_long

LONGEST_EMAIL = 255
INCORRECT = "Incorrect username or password"


async def log_in(request: Request, kind: str) -> tuple[SignIn, Form]:
    """Return a new sign-in of a kind ("browser" or "api") for the form's `username` and `password`, and the form.

    Raises:
        FormRefused: a field is missing or malformed, the email and the password do not belong together, or there
            were too many attempts, which is known before anything is hashed.
    """
    form = await read_form(request)
    errors = problems_of(form)
    if errors:
        raise malformed(request, form, errors)
    username, password = only(form, "username"), only(form, "password")
    found = await employees.with_email(username)
    source = await attempt_log.source_of(request, username)
    try:
        async with throttle.turn(request, source, found[0] if found else None, password) as number:
            sign_in = await judged(request, kind, number, found, password)
    except throttle.TooManyAttempts as too_many:
        raise too_many.refusal("login", kept(form)) from None
    if sign_in is None:
        spraying.count(password, source.email_key)
        raise FormRefused("login", INCORRECT, errors={}, values=kept(form), error="invalid_grant")
    return sign_in, form


def malformed(request: Request, form: Form, errors: dict[str, str]) -> FormRefused:
    """Return the refusal of a form with wrong fields, which is counted in memory only."""
    try:
        throttle.count_malformed(request)
    except throttle.TooManyAttempts as too_many:
        return too_many.refusal("login", kept(form))
    return FormRefused("login", ". ".join(errors.values()), errors=errors, values=kept(form))


def problems_of(form: Form) -> dict[str, str]:
    """Return for each wrong field what to mend: each is given once and not beyond its limits."""
    usernames, passwords_given = form.get("username", [""]), form.get("password", [""])
    problems = {
        "username": problem_of(usernames, "your email", LONGEST_EMAIL, len(usernames[0]) > LONGEST_EMAIL),
        "password": problem_of(
            passwords_given, "your password", passwords.LONGEST, is_too_long(passwords_given[0], passwords.LONGEST)
        ),
    }
    if not problems["username"] and not usernames[0].strip():
        problems["username"] = "Enter your email"
    if not problems["username"] and not usernames[0].strip().isprintable():
        problems["username"] = "Enter your email without control characters"
    return {field: problem for field, problem in problems.items() if problem}


def problem_of(values: list[str], what: str, longest: int, is_longer: bool) -> str:
    """Return what to mend in a field's values, "" where nothing is wrong."""
    if len(values) > 1:
        return f"Enter {what} once"
    if not values[0]:
        return f"Enter {what}"
    return f"Enter {what} with at most {longest:,} characters" if is_longer else ""


def kept(form: Form) -> dict[str, str]:
    """Return what the login form shows again: all but the password."""
    longest = {"username": LONGEST_EMAIL, "next": next_page.LONGEST}
    return {field: form.get(field, [""])[0][:most] for field, most in longest.items()}


async def judged(
    request: Request, kind: str, number: int, found: tuple[Employee, str] | None, password: str
) -> SignIn | None:
    """Return a sign-in for the employee found, where they may come in with this password; None costs as much time."""
    employee, password_hash = found or (None, None)
    matches = await passwords.check_password(password, password_hash)
    sign_in = None
    if employee is not None and password_hash is not None and matches and employee.is_active:
        if passwords.is_outdated(password_hash):
            password_hash = await renewed(employee.emp_no, password_hash, password)
        sign_in = await opened(request, kind, number, employee, password_hash)
    if sign_in is None:
        await attempt_log.mark(number, attempt_log.WRONG)
    return sign_in


async def renewed(emp_no: int, old_hash: str, password: str) -> str:
    """Return the new hash of a password, or the one with which another login of the same password was quicker."""
    new_hash = await passwords.hash_password(password)
    if await employees.renew_password_hash(emp_no, old_hash, new_hash):
        return new_hash
    newer = await employees.hash_of(emp_no)
    return newer if newer and await passwords.check_password(password, newer) else old_hash


async def opened(request: Request, kind: str, number: int, employee: Employee, password_hash: str) -> SignIn | None:
    """Return a new sign-in, None where the password or the account has changed since it was looked at."""
    async with database.transaction():
        if not await employees.lets_in(employee.emp_no, password_hash):
            return None
        sign_in = await signins.open_sign_in(employee, kind, request)
        await attempt_log.mark(number, attempt_log.LOGGED_IN)
        return sign_in
