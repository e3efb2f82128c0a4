"""Log in with an email and a password."""

from starlette.requests import Request

from webapp import employees
from webapp.answers import FormRefused
from webapp.auth import passwords, signins, throttle
from webapp.auth.held import SignIn
from webapp.database import database
from webapp.employees import Employee
from webapp.forms import Form, read_form

LONGEST_EMAIL = 255
LONGEST_PASSWORD = 1000
INCORRECT = "Incorrect username or password"


async def log_in(request: Request, kind: str) -> tuple[SignIn, Form]:
    """Return a new sign-in of a kind ("browser" or "api") for the form's `username` and `password`, and the form.

    Raises:
        FormRefused: a field is missing or malformed, the email and the password do not belong together, or there
            were too many attempts, which is known before anything is hashed.
    """
    form = await read_form(request)
    username, password = checked_fields(form)
    found = await employees.with_email(username)
    number = await throttle.record(request, username, found[0].emp_no if found else None)
    seconds = await throttle.seconds_to_wait(number, request, username)
    if seconds:
        await throttle.mark(number, throttle.THROTTLED)
        raise too_many_attempts(form, seconds)
    employee = await rightful(found, password)
    if employee is None:
        await throttle.mark(number, throttle.WRONG)
        raise FormRefused("login", INCORRECT, errors={}, values=kept(form), error="invalid_grant")
    async with database.transaction():
        sign_in = await signins.open_sign_in(employee, kind, request)
        await throttle.mark(number, throttle.LOGGED_IN)
    return sign_in, form


def too_many_attempts(form: Form, seconds: int) -> FormRefused:
    """Return the refusal that says when to try again."""
    minutes = -(-seconds // 60)
    when = f"in {minutes} minutes" if minutes > 1 else "in a minute" if seconds > 5 else "in a few seconds"
    return FormRefused(
        "login",
        f"Too many attempts. Try again {when}",
        errors={},
        values=kept(form),
        status=429,
        headers={"Retry-After": str(seconds)},
    )


def checked_fields(form: Form) -> tuple[str, str]:
    """Return the email and the password, each given once and not beyond its limits."""
    usernames, passwords_given = form.get("username", [""]), form.get("password", [""])
    errors = {
        "username": problem_of(usernames, "your email", LONGEST_EMAIL),
        "password": problem_of(passwords_given, "your password", LONGEST_PASSWORD),
    }
    if not errors["username"] and not usernames[0].strip().isprintable():
        errors["username"] = "Enter your email without control characters"
    errors = {field: problem for field, problem in errors.items() if problem}
    if errors:
        raise FormRefused("login", ". ".join(errors.values()), errors=errors, values=kept(form))
    return usernames[0], passwords_given[0]


def problem_of(values: list[str], what: str, longest: int) -> str:
    """Return what to mend in a field's values, "" where nothing is wrong."""
    if len(values) > 1:
        return f"Enter {what} once"
    if not values[0].strip():
        return f"Enter {what}"
    return f"Enter {what} with at most {longest:,} characters" if len(values[0]) > longest else ""


def kept(form: Form) -> dict[str, str]:
    """Return what the login form shows again: all but the password."""
    return {field: form.get(field, [""])[0][:LONGEST_EMAIL] for field in ("username", "next")}


async def rightful(found: tuple[Employee, str] | None, password: str) -> Employee | None:
    """Return the employee found, where they are active and the password is theirs; every other case takes as long."""
    if found is None:
        await passwords.check_password(password, None)
        return None
    employee, password_hash = found
    if not await passwords.check_password(password, password_hash) or not employee.is_active:
        return None
    if passwords.is_cheap(password_hash):
        await employees.renew_password_hash(employee.emp_no, password_hash, await passwords.hash_password(password))
    return employee
