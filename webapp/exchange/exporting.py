"""The command export-employees: every employee as a row of CSV, byte for byte the same for the same employees."""

import argparse
import asyncio
import csv
import io
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select

from webapp import schema, settings
from webapp.database import database
from webapp.exchange.csv_rows import COLUMNS, SCOPES
from webapp.tables import employees

ROWS_AT_ONCE = 5000


def export_employees(options: argparse.Namespace) -> int:
    """Write all employees to a new file or to standard output, and return the exit status."""
    columns = (*COLUMNS, SCOPES) if options.scopes else COLUMNS
    if options.file is None:
        asyncio.run(write(sys.stdout.buffer, columns))
        return 0
    return to_file(options.file.resolve(), columns)


def to_file(target: Path, columns: tuple[str, ...]) -> int:
    """Write all employees to a file readable by its owner only, which is there whole or not at all."""
    if target.exists():
        settings.refuse(f"{target} is there already; name a new file")
    try:
        handle, unfinished = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        settings.refuse(f"{target} cannot be written ({error.strerror})")
    try:
        with open(handle, "wb") as stream:
            count = asyncio.run(write(stream, columns))
        os.link(unfinished, target)
    except OSError as error:
        settings.refuse(f"{target} cannot be written ({error.strerror}); nothing was left behind")
    finally:
        os.unlink(unfinished)
    print(f"{count:,} employees were exported to {target}")
    return 0


async def write(stream: BinaryIO, columns: tuple[str, ...]) -> int:
    """Write a header and all employees in the order of their numbers, and return how many."""
    count = 0
    async with database:
        await schema.ensure_current()
        stream.write(as_csv([columns]))
        async for some in pages(columns):
            stream.write(as_csv(some))
            count += len(some)
    stream.flush()
    return count


async def pages(columns: tuple[str, ...]) -> AsyncIterator[list[list[object]]]:
    """Return the employees' values, many at once."""
    after = 0
    query = select(*(employees.c[name] for name in columns)).order_by(employees.c.emp_no).limit(ROWS_AT_ONCE)
    while some := await database.fetch_all(query.where(employees.c.emp_no > after)):
        yield [[row[name] for name in columns] for row in some]
        after = some[-1]["emp_no"]


def as_csv(rows: list[list[object]] | list[tuple[str, ...]]) -> bytes:
    """Return rows as CSV in UTF-8; quotes are only where they must be, None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
