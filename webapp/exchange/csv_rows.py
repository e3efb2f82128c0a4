"""The CSV file of employees: its columns, and its rows one by one, however large it is."""

import csv
from collections.abc import Callable, Iterator
from typing import BinaryIO

COLUMNS = ("emp_no", "email", "birth_date", "first_name", "last_name", "gender", "hire_date")
# What a file may have besides.
SCOPES = "scopes"
LONGEST_LINE_BYTES = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# The texts of a row by their columns, or the sentence that says why it has none.
Texts = dict[str, str] | str


class Unreadable(Exception):
    """The file as a whole is no CSV file of employees, with what to mend."""


def rows_of(stream: BinaryIO, read: Callable[[int], object]) -> tuple[list[str], Iterator[tuple[int, Texts]]]:
    """Return a file's columns, and an iterator of its rows, each with its line's number.

    No field has room for a line break, so each line is a row: a quote that never ends spoils one row only.

    Args:
        stream: the file, in UTF-8, with or without a byte order mark.
        read: is told of each line how many bytes it has.

    Raises:
        Unreadable: the header is missing or not as it must be.
    """
    lines = lines_of(stream, read)
    _, first = next(lines, (1, b""))
    columns = columns_in(first.removeprefix(BYTE_ORDER_MARK))
    return columns, ((number, texts_in(line, columns)) for number, line in lines if line.strip())


def lines_of(stream: BinaryIO, read: Callable[[int], object]) -> Iterator[tuple[int, bytes]]:
    """Return each line with its number, counted from 1; of one that is too long, its beginning."""
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE_BYTES + 1), b""), 1):
        read(len(line))
        rest = line
        while len(rest) > LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE_BYTES + 1)
            read(len(rest))
        yield number, line


def columns_in(header: bytes) -> list[str]:
    """Return the columns that a header names, in any order: all that there must be, none that is unknown."""
    must = f"its first line must be {','.join(COLUMNS)}, and may have {SCOPES} besides"
    try:
        columns = cells_in(header)
    except ValueError:
        raise Unreadable(f"its first line is not CSV in UTF-8; {must}") from None
    if missing := [column for column in COLUMNS if column not in columns]:
        raise Unreadable(f"its first line lacks {', '.join(missing)}; {must}")
    if unknown := [column for column in columns if column not in (*COLUMNS, SCOPES)]:
        raise Unreadable(f"its first line has {', '.join(map(ascii, unknown))}; {must}")
    if len(set(columns)) < len(columns):
        raise Unreadable(f"its first line names a column twice; {must}")
    return columns


def texts_in(line: bytes, columns: list[str]) -> Texts:
    """Return a row's texts by their columns, or what is wrong with the line."""
    if len(line) > LONGEST_LINE_BYTES:
        return f"Shorten this line to {LONGEST_LINE_BYTES:,} bytes"
    try:
        cells = cells_in(line)
    except UnicodeDecodeError:
        return "Save the file as UTF-8: this line is not"
    except ValueError as error:
        return str(error)
    if len(cells) != len(columns):
        return f"Enter {len(columns)} columns: this line has {len(cells)}"
    return dict(zip(columns, cells, strict=True))


def cells_in(line: bytes) -> list[str]:
    """Return the cells of a line.

    Raises:
        ValueError: it is not CSV; UnicodeDecodeError: it is not in UTF-8.
    """
    try:
        return next(csv.reader([line.decode().removesuffix("\n").removesuffix("\r")], strict=True), [])
    except csv.Error:
        raise ValueError("Mend this line: it has a quote too many or too few, or a line break") from None
