"""The command log: print the audit log, the newest entry first."""

import argparse
from datetime import UTC, datetime, time

from sqlalchemy import ColumnElement, true

from webapp import employees, schema, settings
from webapp.audit_entries import Entry, entries
from webapp.database import database
from webapp.tables import audit


async def print_log(options: argparse.Namespace) -> None:
    """Print what was done by or to somebody, or by anybody to anybody, since the beginning of a day (UTC) or ever."""
    async with database:
        await schema.ensure_current()
        which: ColumnElement[bool] = true()
        if options.email:
            found = await employees.with_email(options.email)
            if found is None:
                settings.refuse(f"there is no employee with the email {options.email}")
            which = (audit.c.emp_no == found[0].emp_no) | (audit.c.actor == found[0].emp_no)
        if options.since:
            which = which & (audit.c.made >= datetime.combine(options.since, time(), UTC).timestamp())
        for entry in await entries(which, options.limit):
            print(line_of(entry))


def line_of(entry: Entry) -> str:
    """Return an entry as one line."""
    whom = "" if entry.emp_no is None else f" {entry.name or 'Unknown'} ({entry.emp_no})"
    details = f"  [{'; '.join(entry.changes)}]" if entry.changes else ""
    return f"{entry.when}  {entry.action}{whom}, by {entry.who}{details}"
