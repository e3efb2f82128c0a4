"""The command line: what `python run.py` takes, checked by the rules of webapp/employee_rules.py."""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from webapp import employee_rules
from webapp.auth.scopes import SCOPES, USER_SCOPES

Kept = TypeVar("Kept")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def parser() -> Parser:
    """Return the parser of all commands."""
    top = Parser(prog="run.py", description="Latchkey: the front door of an internal tool.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for add in (add_database, add_user, add_sign_ins, add_log, add_exchange, add_keeping):
        add(commands)
    return top


def add_database(commands: Any) -> None:
    """Add the commands that serve and that make the tables."""
    commands.add_parser("serve", help="answer requests (the default)", description="Answer requests.")
    commands.add_parser(
        "migrate",
        help="bring the database's tables to this version",
        description="Bring the database's tables to this version. An SQLite file is copied beside itself before.",
    )
    commands.add_parser(
        "load-sample",
        help="add ten made-up employees",
        description="Add ten made-up employees to an empty database and print their passwords.",
    )


def add_user(commands: Any) -> None:
    """Add the command that adds one employee."""
    user = commands.add_parser(
        "create-user",
        help="add one employee",
        description="Add one employee, with super:* while no administrator can log in. "
        "The password is asked for twice, without echo.",
    )
    user.add_argument("--email", required=True, type=new_email, help="to log in with; its case does not matter")
    user.add_argument("--first-name", required=True, type=name)
    user.add_argument("--last-name", required=True, type=name)
    user.add_argument("--birth-date", type=day, metavar="YYYY-MM-DD")
    user.add_argument("--gender", choices=employee_rules.GENDERS)
    user.add_argument("--hire-date", type=day, metavar="YYYY-MM-DD")
    user.add_argument(
        "--scopes",
        type=scopes,
        default=USER_SCOPES,
        metavar="A,B",
        help=f"what they may do, separated by commas, of: {' '.join(SCOPES)}",
    )
    user.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")


def add_sign_ins(commands: Any) -> None:
    """Add the commands on somebody's password and sign-ins."""
    linking = commands.add_parser(
        "password-link",
        help="print a one-time link with which somebody sets their password",
        description="Print a one-time link with which somebody sets their password. Give it to nobody else.",
    )
    linking.add_argument("email", type=email)
    listing = commands.add_parser(
        "sign-ins", help="list somebody's living sign-ins", description="List living sign-ins."
    )
    listing.add_argument("email", type=email)
    ending = commands.add_parser(
        "end-sign-ins",
        help="end somebody's sign-ins, or everybody's",
        description="End sign-ins; their tokens are refused by every worker within a second.",
    )
    who = ending.add_mutually_exclusive_group(required=True)
    who.add_argument("email", type=email, nargs="?")
    who.add_argument("--all", action="store_true", dest="everybody", help="everybody's")


def add_log(commands: Any) -> None:
    """Add the command that prints the audit log."""
    reading = commands.add_parser(
        "log",
        help="print who changed what of whom",
        description="Print the audit log, the newest entry first: all of it, or what was done by or to somebody.",
    )
    reading.add_argument("email", type=email, nargs="?")
    reading.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="nothing from before this day (UTC)")
    reading.add_argument("--limit", type=count, default=100, metavar="N", help="so many entries at the most (100)")


def add_exchange(commands: Any) -> None:
    """Add the commands that bring employees in and out."""
    importing = commands.add_parser(
        "import-employees",
        help="add, or change, the employees of a CSV file",
        description="Check every row of a CSV file, and then write all of them or none. "
        "Exit status: 0 done, 1 rows are wrong and nothing was written, 2 it could not be tried.",
    )
    importing.add_argument("file", metavar="FILE.csv", help="in UTF-8, with a header; - for standard input")
    importing.add_argument("--update", action="store_true", help="change employees who are there, by their emp_no")
    importing.add_argument("--skip-bad", action="store_true", help="leave wrong rows out and write the others")
    importing.add_argument("--dry-run", action="store_true", help="list every change, old and new, and write nothing")
    importing.add_argument("--yes", action="store_true", help="do not ask before employees get another email")
    exporting = commands.add_parser(
        "export-employees",
        help="write all employees as CSV",
        description="Write all employees as CSV, as import-employees reads it, by emp_no; never a password's hash.",
    )
    exporting.add_argument("file", type=Path, metavar="FILE", nargs="?", help="a new file; without it standard output")
    exporting.add_argument("--scopes", action="store_true", help="with the column scopes")


def add_keeping(commands: Any) -> None:
    """Add the commands that keep a database and its key."""
    copying = commands.add_parser(
        "backup",
        help="copy an SQLite database while it is in use",
        description="Copy an SQLite database to a new file, one moment of it, while it is in use.",
    )
    copying.add_argument("file", type=Path, metavar="FILE")
    commands.add_parser(
        "new-key",
        help="print a fresh SECRET_KEY",
        description="Print a fresh SECRET_KEY. Put the one before into PREVIOUS_SECRET_KEYS, and nobody is logged out.",
    )


def email(text: str) -> str:
    """Return a well-formed email."""
    return ruled(employee_rules.email, text)


def new_email(text: str) -> str:
    """Return a well-formed email that nobody takes for another one."""
    return ruled(employee_rules.new_email, text)


def name(text: str) -> str:
    """Return a name of 1 to 50 characters."""
    return ruled(employee_rules.name, text)


def day(text: str) -> date | None:
    """Return a date from 1900 on."""
    return ruled(employee_rules.day, text)


def count(text: str) -> int:
    """Return a number from 1 on."""
    return ruled(employee_rules.emp_no, text)


def scopes(text: str) -> tuple[str, ...]:
    """Return known scopes, each once."""
    return ruled(employee_rules.scopes, text)


def ruled(rule: Callable[[str], Kept], text: str) -> Kept:
    """Return what a rule keeps of a text, or let the parser refuse it with the rule's own sentence."""
    try:
        return rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is refused: {error}") from None
