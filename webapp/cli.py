"""The commands of `python run.py`."""

import argparse
import asyncio
import getpass
import sqlite3
import sys
from collections.abc import Sequence
from datetime import date
from typing import NoReturn

import email_validator

from webapp import employees, settings
from webapp.database import create_tables, database
from webapp.sample import load_sample
from webapp.server import serve

# An internal tool's own mail domain may well end in .local.
email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 2 with one line that says what to mend."""
    options = parser().parse_args(arguments)
    try:
        match options.command:
            case "create-user":
                asyncio.run(create_user(options))
            case "load-sample":
                asyncio.run(load_sample())
            case _:
                return serve()
    except (sqlite3.Error, OSError) as error:
        settings.refuse(f"the database {settings.DATABASE_URL.database} cannot be used ({error})")
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> Parser:
    """Return the parser of all commands."""
    top = Parser(prog="run.py", description="Latchkey: the front door of an internal tool.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="answer requests (the default)", description="Answer requests.")
    commands.add_parser(
        "load-sample",
        help="add ten made-up employees",
        description="Add ten made-up employees to an empty database and print their passwords.",
    )
    user = commands.add_parser(
        "create-user",
        help="add one employee",
        description="Add one employee. The password is asked for twice, without echo.",
    )
    user.add_argument("--email", required=True, type=email, help="to log in with; its case does not matter")
    user.add_argument("--first-name", required=True, type=name)
    user.add_argument("--last-name", required=True, type=name)
    user.add_argument("--birth-date", type=day, metavar="YYYY-MM-DD")
    user.add_argument("--gender", choices=["F", "M", "X"])
    user.add_argument("--hire-date", type=day, metavar="YYYY-MM-DD")
    user.add_argument(
        "--scopes",
        type=scopes,
        default=employees.USER_SCOPES,
        metavar="A,B",
        help=f"what they may do, separated by commas, of: {' '.join(employees.SCOPES)}",
    )
    user.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")
    return top


def email(text: str) -> str:
    """Return a well-formed email."""
    try:
        return employees.normal_email(email_validator.validate_email(text, check_deliverability=False).normalized)
    except email_validator.EmailNotValidError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an email address: {error}") from None


def name(text: str) -> str:
    """Return a name of 1 to 50 characters."""
    stripped = text.strip()
    if not 1 <= len(stripped) <= 50 or not stripped.isprintable():
        raise argparse.ArgumentTypeError("a name has 1 to 50 characters")
    return stripped


def day(text: str) -> date:
    """Return a date."""
    try:
        return date(*map(int, text.split("-", 2)))
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 1990-12-31") from None


def scopes(text: str) -> tuple[str, ...]:
    """Return known scopes, each once."""
    given = tuple(dict.fromkeys(scope.strip() for scope in text.split(",")))
    for scope in given:
        if scope not in employees.SCOPES:
            raise argparse.ArgumentTypeError(f"{scope!r} is not a scope; those are {' '.join(employees.SCOPES)}")
    return given


async def create_user(options: argparse.Namespace) -> None:
    """Add one employee, or refuse with one line."""
    from webapp.auth import passwords

    if options.birth_date and options.hire_date and options.hire_date <= options.birth_date:
        settings.refuse("--hire-date must be after --birth-date")
    async with database:
        await create_tables()
        if await employees.with_email(options.email):
            settings.refuse(f"there is an employee with the email {options.email} already")
        password = read_password(from_stdin=options.password_stdin)
        emp_no = await employees.create(
            email=options.email,
            password_hash=await passwords.hash_password(password),
            first_name=options.first_name,
            last_name=options.last_name,
            birth_date=options.birth_date,
            gender=options.gender,
            hire_date=options.hire_date,
            scopes=options.scopes,
        )
    print(f"Employee {emp_no} was added: {options.email}")


def read_password(*, from_stdin: bool) -> str:
    """Return the password from standard input, or asked for twice at a terminal."""
    if from_stdin:
        password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    elif not sys.stdin.isatty():
        settings.refuse("there is no terminal to ask for the password; use --password-stdin")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("The same again: ") != password:
            settings.refuse("the two passwords differ; nothing was changed")
    if len(password) < settings.PASSWORD_MIN_LENGTH:
        settings.refuse(f"a password has at least {settings.PASSWORD_MIN_LENGTH} characters; nothing was changed")
    return password
