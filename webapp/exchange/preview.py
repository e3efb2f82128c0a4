"""What an import would do, told before it is done: each change as old → new, and whose email becomes another."""

import argparse
import sys
from typing import Any, TextIO

import orjson

from webapp import settings, terminal
from webapp.audit_entries import shown
from webapp.exchange.draft import CHANGED, Draft

MOVES_SHOWN = 5


def tell_changes(draft: Draft) -> None:
    """Print a line for each field that would change, by the employees' numbers."""
    for some in draft.rows(CHANGED):
        changes = ((row["emp_no"], orjson.loads(row["details"])) for row in some)
        tell([line(emp_no, field, *values) for emp_no, details in changes for field, values in details.items()])


def line(emp_no: int, field: str, before: Any, after: Any) -> str:
    """Return what would change of an employee."""
    return f"{emp_no} {field}: {shown(before)} → {shown(after)}"


def tell(lines: list[str], stream: TextIO | None = None) -> None:
    """Print lines to a stream, or to standard output; a character that it has not is printed as \\u…."""
    stream = stream or sys.stdout
    text, encoding = "\n".join(lines), stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace(" → ", " -> ").encode(encoding, "backslashreplace").decode(encoding)
    print(text, file=stream)


def ensure_agreed(draft: Draft, options: argparse.Namespace) -> None:
    """Say how many employees get another email, with which they will log in, and ask; or end the program with one line.

    Without a terminal, or where the file itself comes from it, nobody is asked, and `--yes` must have been said.
    """
    count, first = draft.moves(MOVES_SHOWN)
    if count == 0:
        return
    lines = [line(row["emp_no"], "email", row["email_before"], row["email"]) for row in first]
    who = "1 employee" if count == 1 else f"{count:,} employees"
    if not options.yes and not can_ask(options.file):
        settings.refuse(
            f"{who} would get another email (first: {lines[0]}); look at all with --dry-run, "
            "then go on with --yes; nothing was written"
        )
    more = [f"… and {count - len(first):,} more; --dry-run lists all"] if count > len(first) else []
    tell([f"{who} would get another email:", *lines, *more], sys.stderr)
    if not options.yes and not is_agreed():
        settings.refuse("you did not agree; nothing was written")


def can_ask(file: str) -> bool:
    """Return whether somebody at a terminal can be asked."""
    return file != "-" and sys.stdin is not None and sys.stdin.isatty()


def is_agreed() -> bool:
    """Ask whether to go on, and return whether the answer is yes."""
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        with terminal.interruptible():
            answer = sys.stdin.readline()
    except UnicodeDecodeError:
        return False
    if not answer:
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")
