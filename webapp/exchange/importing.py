"""The command import-employees: check everything, say what is wrong, write all or nothing."""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO, NoReturn

from tqdm import tqdm

from webapp import audit, employee_rules, schema, settings
from webapp.database import Duplicate, database
from webapp.exchange import comparing, csv_rows, preview, writing
from webapp.exchange.draft import CHANGED, NEW, SAME, Draft

DONE, WRONG = 0, 1


def import_employees(options: argparse.Namespace) -> int:
    """Import the employees of a CSV file and return the exit status: 1 where rows are wrong and nothing was written."""
    try:
        with contextlib.closing(Draft()) as draft:
            with opened(options.file) as stream:
                read(draft, stream)
            return asyncio.run(bring_in(draft, options))
    except sqlite3.OperationalError as error:
        settings.refuse(f"the folder for temporary files has no room for the draft ({error}); nothing was written")


async def bring_in(draft: Draft, options: argparse.Namespace) -> int:
    """Compare a draft with the employees whom there are, say what is wrong, write, and return the exit status."""
    async with database:
        await schema.ensure_current()
        with bar("Comparing", draft.count(NEW)) as progress:
            await comparing.compare(draft, update=options.update, progress=progress.update)
        tell_problems(draft)
        if options.dry_run:
            preview.tell_changes(draft)
            print(f"{counts(draft, options, 'would be')}; nothing was written")
        if draft.count() and not options.skip_bad:
            print(f"{wrong_rows(draft)}; nothing was written", file=sys.stderr)
            return WRONG
        if not options.dry_run:
            await agree_and_write(draft, options)
            print(counts(draft, options, "was" if draft.count(NEW) == 1 else "were"))
    return DONE


@contextlib.contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for "-", or refuse with one line."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(name, "rb")  # noqa: SIM115  closed below; only what opening raises is the file's
    except OSError as error:
        settings.refuse(f"{name} cannot be read ({error.strerror})")
    with stream:
        yield stream


def read(draft: Draft, stream: BinaryIO) -> None:
    """Read a file into a draft, each row by itself, or refuse the file with one line."""
    try:
        with bar("Reading", size_of(stream), "B") as progress:
            _, rows = csv_rows.rows_of(stream, progress.update)
            for line, texts in rows:
                take(draft, line, texts)
    except csv_rows.Unreadable as error:
        settings.refuse(f"this file cannot be imported: {error}")
    except OSError as error:
        settings.refuse(f"the file cannot be read ({error.strerror})")


def size_of(stream: BinaryIO) -> int | None:
    """Return how many bytes a file still has, None where only its end tells."""
    if not stream.seekable():
        return None
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END) - here
    stream.seek(here)
    return size


def take(draft: Draft, line: int, texts: csv_rows.Texts) -> None:
    """Take one row into the draft, or write down what is wrong with it."""
    if isinstance(texts, str):
        draft.refuse(line, texts)
        return
    kept, problems = employee_rules.checked(texts)
    if problems:
        draft.refuse(line, "; ".join(f"{field}: {sentence}" for field, sentence in problems.items()))
    else:
        draft.add(line, kept)


def bar(what: str, total: int | None, unit: str = " rows") -> "tqdm[NoReturn]":
    """Return a progress bar, which shows itself at a terminal only."""
    return tqdm(desc=what, total=total, unit=unit, unit_scale=True, disable=None, file=sys.stderr)


def tell_problems(draft: Draft) -> None:
    """Say of each wrong row what to mend."""
    for line, sentence in draft.problems():
        print(f"line {line}: {sentence}", file=sys.stderr)


async def agree_and_write(draft: Draft, options: argparse.Namespace) -> None:
    """Write the draft, or refuse with one line where nobody agrees to move emails, or where others were quicker."""
    if draft.count(NEW) + draft.count(CHANGED):
        preview.ensure_agreed(draft, options)
        await write(draft, PurePath(options.file).name)


async def write(draft: Draft, source: str) -> None:
    """Write the draft, or refuse with one line where others were quicker."""
    draft.spread_words()
    try:
        with bar("Writing", draft.count(NEW) + draft.count(CHANGED)) as progress:
            await writing.write(draft, audit.Actor.of_command(), source, progress.update)
    except Duplicate:
        settings.refuse("somebody has added one of these employees meanwhile; nothing was written, run it again")
    except writing.Refused as error:
        settings.refuse(f"{error}; nothing was written")


def wrong_rows(draft: Draft) -> str:
    """Return how many rows are wrong, in words."""
    return f"{draft.count():,} {'row is' if draft.count() == 1 else 'rows are'} wrong"


def counts(draft: Draft, options: argparse.Namespace, verb: str) -> str:
    """Return what was done, or would be, in words."""
    added, changed, same = map(draft.count, (NEW, CHANGED, SAME))
    who = "employee" if added == 1 else "employees"
    told = f"{added:,} {who} {verb} added, {changed:,} changed, {same:,} left as they are"
    return f"{told}; {wrong_rows(draft)} and left out" if draft.count() and options.skip_bad else told
