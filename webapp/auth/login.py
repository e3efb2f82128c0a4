"""Log in with an email and a password."""

from starlette.requests import Request

from webapp import employees
from webapp.answers import FormRefused
from webapp.auth import passwords, signins
from webapp.auth.signins import SignIn
from webapp.employees import Employee
from webapp.forms import Form, read_form

LONGEST_EMAIL = 255
LONGEST_PASSWORD = 1000
INCORRECT = "Incorrect username or password"


async def log_in(request: Request, kind: str) -> tuple[SignIn, Form]:
    """Return a new sign-in of a kind ("browser" or "api") for the form's `username` and `password`, and the form.

    Raises:
        FormRefused: a field is missing or malformed, or the email and the password do not belong together.
    """
    form = await read_form(request)
    username, password = checked_fields(form)
    employee = await employee_with(username, password)
    if employee is None:
        raise FormRefused("login", INCORRECT, errors={}, values=kept(form), error="invalid_grant")
    return await signins.open_sign_in(employee, kind, request), form


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


async def employee_with(username: str, password: str) -> Employee | None:
    """Return the active employee whose email and password these are; every other case takes the same time."""
    found = await employees.with_email(username)
    if found is None:
        await passwords.check_password(password, None)
        return None
    employee, password_hash = found
    if not await passwords.check_password(password, password_hash) or not employee.is_active:
        return None
    if passwords.is_cheap(password_hash):
        await employees.renew_password_hash(employee.emp_no, password_hash, await passwords.hash_password(password))
    return employee
