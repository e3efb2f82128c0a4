"""What the commands on employees and their sign-ins do."""

import argparse
import getpass
import sys
from typing import Any

from sqlalchemy import ColumnElement, select, true

from webapp import audit, employee_rules, employees, schema, settings, terminal
from webapp.audit import Action
from webapp.auth import links, password_rules, passwords, set_up, signins
from webapp.auth.scopes import ALL
from webapp.database import Duplicate, database
from webapp.employees import Employee
from webapp.pages.sign_ins import KINDS, iso, living_of
from webapp.tables import sign_ins
from webapp.user_agents import in_words


async def create_user(options: argparse.Namespace) -> None:
    """Add one employee, or refuse with one line."""
    try:
        employee_rules.in_order(options.birth_date, options.hire_date)
    except ValueError as error:
        settings.refuse(f"--hire-date is refused: {error}")
    async with database:
        await schema.ensure_current()
        if await employees.with_email(options.email):
            settings.refuse(f"there is an employee with the email {options.email} already")
        own_words = (options.first_name, options.last_name, options.email)
        password = read_password(own_words, from_stdin=options.password_stdin)
        emp_no, is_first = await added(
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
    if is_first:
        print(f"They may do everything ({ALL}), since no administrator could log in before")


async def added(*, scopes: tuple[str, ...], **details: Any) -> tuple[int, bool]:
    """Add an employee and return their number, or refuse where somebody else was quicker.

    While no administrator can log in, they become the first, and True is returned besides.
    """
    token = None if await employees.somebody_rules() else await set_up.new_token()
    try:
        async with database.transaction():
            is_first = token is not None and await set_up.claim(token)
            if is_first and ALL not in scopes:
                scopes = (*scopes, ALL)
            emp_no = await employees.create(scopes=scopes, is_first_administrator=is_first, **details)
            await audit.note(audit.Actor.of_command(), Action.CREATED, emp_no, {"scopes": scopes})
            return emp_no, is_first
    except Duplicate:
        settings.refuse(f"there is an employee with the email {details['email']} already")


def read_password(own_words: tuple[str, ...], *, from_stdin: bool) -> str:
    """Return a password that the rules take, from standard input or from a terminal."""
    try:
        password = piped_password() if from_stdin else typed_password()
        password.encode()
    except UnicodeError:
        settings.refuse("the password is not text in UTF-8; nothing was changed")
    except EOFError:
        settings.refuse("no password was given; nothing was changed")
    problem = password_rules.problem_now(password, own_words)
    if problem:
        settings.refuse(f"{problem}; nothing was changed")
    return password


def piped_password() -> str:
    """Return the first line of standard input."""
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def typed_password() -> str:
    """Return the password asked for twice, without echo."""
    if not sys.stdin.isatty():
        settings.refuse("there is no terminal to ask for the password; use --password-stdin")
    with terminal.interruptible():
        password = getpass.getpass(f"{password_rules.in_words()}\nPassword: ")
        again = getpass.getpass("The same again: ")
    if passwords.normal(again) != passwords.normal(password):
        settings.refuse("the two passwords differ; nothing was changed")
    return password


async def password_link(email: str) -> None:
    """Print a one-time link with which an employee sets their password."""
    if not settings.PUBLIC_URL and settings.PORT == 0:
        settings.refuse("PORT is 0, so the site's address is not known here; set PUBLIC_URL")
    async with database:
        await schema.ensure_current()
        employee = await employee_of(email)
        try:
            link = await links.make(employee, audit.Actor.of_command())
        except links.LinkNotGood:
            settings.refuse(f"the account of {email} is deactivated, so no password can be set; nothing was changed")
    print(f"{link.address}\nGood once, within {links.in_words(link.expires_in)}; give it to {email} only")


async def migrate() -> None:
    """Bring the database to the newest revision and say what was done."""
    async with database:
        before = await schema.migrate()
    if before == schema.head():
        print(f"The database is at revision {before} already; there is nothing to do")
    else:
        print(f"The database is now at revision {schema.head()}")


async def list_sign_ins(email: str) -> None:
    """Print somebody's living sign-ins, the latest used first."""
    async with database:
        await schema.ensure_current()
        theirs = living_of((await employee_of(email)).emp_no)
        rows = await database.fetch_all(select(sign_ins).where(theirs).order_by(sign_ins.c.used.desc()))
    for row in rows:
        what = row["name"] or in_words(row["user_agent"])
        print(f"{iso(row['opened'])}  last used {iso(row['used'])}  {KINDS[row['kind']]}: {what} from {row['address']}")
    print(f"{len(rows)} living sign-ins")


async def end_sign_ins(email: str | None, *, everybody: bool) -> None:
    """End all sign-ins of one employee, or of everybody."""
    async with database:
        await schema.ensure_current()
        emp_no = None if everybody else (await employee_of(email or "")).emp_no
        which: ColumnElement[bool] = true() if everybody else sign_ins.c.emp_no == emp_no
        async with database.transaction():
            ended = await signins.end_where(which, "ended by a command")
            await audit.note(audit.Actor.of_command(), Action.SIGN_INS_ENDED, emp_no, {"count": ended})
    print(f"{ended} sign-ins were ended; every worker refuses their tokens within a second")


async def employee_of(email: str) -> Employee:
    """Return the employee with an email, or end the program with one line."""
    found = await employees.with_email(email)
    if found is None:
        settings.refuse(f"there is no employee with the email {email}")
    return found[0]
