"""The commands of `python run.py`."""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn, TypeVar

from webapp import employee_rules, settings
from webapp.auth.scopes import SCOPES, USER_SCOPES
from webapp.database import Unavailable

Kept = TypeVar("Kept")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 2 with one line that says what to mend."""
    options = parser().parse_args(arguments)
    try:
        status = run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads what is printed has stopped; Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Unavailable, OSError) as error:
        settings.refuse(f"the database {settings.DATABASE_URL.database} cannot be used ({error})")
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> int:
    """Run the command of these options and return its exit status."""
    if options.command == "new-key":
        print(secrets.token_urlsafe(48))
        return 0
    # Imported only now, since with them comes the key, which is made where there is none.
    if options.command in (None, "serve"):
        from webapp import server

        server.serve()
    else:
        from webapp import backup, commands, sample

        match options.command:
            case "migrate":
                asyncio.run(commands.migrate())
            case "create-user":
                asyncio.run(commands.create_user(options))
            case "load-sample":
                asyncio.run(sample.load_sample())
            case "log":
                from webapp.log_command import print_log

                asyncio.run(print_log(options))
            case "import-employees":
                from webapp.exchange.importing import import_employees

                return import_employees(options)
            case "export-employees":
                from webapp.exchange.exporting import export_employees

                return export_employees(options)
            case "backup":
                backup.backup(options.file.resolve())
            case "password-link":
                asyncio.run(commands.password_link(options.email))
            case "sign-ins":
                asyncio.run(commands.list_sign_ins(options.email))
            case "end-sign-ins":
                asyncio.run(commands.end_sign_ins(options.email, everybody=options.everybody))
    return 0


def parser() -> Parser:
    """Return the parser of all commands."""
    top = Parser(prog="run.py", description="Latchkey: the front door of an internal tool.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
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
    user = commands.add_parser(
        "create-user",
        help="add one employee",
        description="Add one employee. The password is asked for twice, without echo.",
    )
    user.add_argument("--email", required=True, type=email, help="to log in with; its case does not matter")
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
    reading = commands.add_parser(
        "log",
        help="print who changed what of whom",
        description="Print the audit log, the newest entry first: all of it, or what was done by or to somebody.",
    )
    reading.add_argument("email", type=email, nargs="?")
    reading.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="nothing from before this day (UTC)")
    reading.add_argument("--limit", type=count, default=100, metavar="N", help="so many entries at the most (100)")
    importing = commands.add_parser(
        "import-employees",
        help="add, or change, the employees of a CSV file",
        description="Check every row of a CSV file, and then write all of them or none. "
        "Exit status: 0 done, 1 rows are wrong and nothing was written, 2 it could not be tried.",
    )
    importing.add_argument("file", metavar="FILE.csv", help="in UTF-8, with a header; - for standard input")
    importing.add_argument("--update", action="store_true", help="change employees who are there, by their emp_no")
    importing.add_argument("--skip-bad", action="store_true", help="leave wrong rows out and write the others")
    exporting = commands.add_parser(
        "export-employees",
        help="write all employees as CSV",
        description="Write all employees as CSV, as import-employees reads it, by emp_no; never a password's hash.",
    )
    exporting.add_argument("file", type=Path, metavar="FILE", nargs="?", help="a new file; without it standard output")
    exporting.add_argument("--scopes", action="store_true", help="with the column scopes")
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
    return top


def email(text: str) -> str:
    """Return a well-formed email."""
    return ruled(employee_rules.email, text)


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
