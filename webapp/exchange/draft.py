"""The draft of an import: the rows of a file that are right, in a temporary file of SQLite's own.

However large the file is, memory holds a few rows of it; and what can be done before the write begins, is done here.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import orjson

from webapp import search

ROWS_AT_ONCE = 2000
NEW, CHANGED, SAME = "new", "changed", "same"
FIELDS = ("email", "birth_date", "first_name", "last_name", "gender", "hire_date", "scopes")

TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE drafted (
    line INTEGER PRIMARY KEY, emp_no INTEGER UNIQUE, email TEXT UNIQUE,
    birth_date TEXT, first_name TEXT, last_name TEXT, gender TEXT, hire_date TEXT, scopes TEXT, words TEXT,
    state TEXT DEFAULT 'new', version INTEGER, details TEXT, words_before TEXT, email_before TEXT
);
CREATE TABLE problems (line INTEGER PRIMARY KEY, sentence TEXT);
CREATE TABLE unsorted (word TEXT, emp_no INTEGER, words TEXT, hire_date TEXT);
CREATE TABLE word_rows (word TEXT, emp_no INTEGER, words TEXT, hire_date TEXT);
CREATE TABLE outdated (word TEXT, emp_no INTEGER, words TEXT, hire_date TEXT);
"""
DRAFTED = ("line", "emp_no", *FIELDS, "words")
ADD = f"INSERT INTO drafted ({', '.join(DRAFTED)}) VALUES (:{', :'.join(DRAFTED)})"  # noqa: S608  our own names
KEEP_WORD = "INSERT INTO {} VALUES (:word, :emp_no, :words, :hire_date)"
JUDGE = """
UPDATE drafted SET
    state = :state, version = :version, details = :details, scopes = :scopes,
    words_before = :words, email_before = :email
WHERE line = :line
"""


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an employee's fields as the draft and the audit log have them: dates and scopes as texts."""
    return {field: plain_value(row[field]) for field in FIELDS}


def plain_value(value: Any) -> Any:
    """Return a date in ISO 8601, scopes with a space between, anything else as it is."""
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(value) if isinstance(value, tuple) else value


class Draft:
    """Right rows, each in its normal form, and what is wrong with the others."""

    def __init__(self) -> None:
        self.file = sqlite3.connect("", isolation_level=None)
        self.file.row_factory = sqlite3.Row
        self.file.executescript(TABLES)

    def add(self, line: int, kept: dict[str, Any]) -> None:
        """Add a row that is right by itself; it becomes a problem where a line before has its number or its email."""
        words = search.words_of(kept["first_name"], kept["last_name"], kept["email"])
        row = {"scopes": None, **kept, "line": line, "words": words}
        try:
            self.file.execute(ADD, {name: plain_value(value) for name, value in row.items()})
        except sqlite3.IntegrityError:
            self.refuse(line, self.repeated(kept))

    def repeated(self, kept: dict[str, Any]) -> str:
        """Return the sentence on a number or an email that a line before has."""
        find = "SELECT line, emp_no FROM drafted WHERE emp_no = ? OR email = ? ORDER BY line LIMIT 1"
        before = self.file.execute(find, (kept["emp_no"], kept["email"])).fetchone()
        field = "emp_no" if before["emp_no"] == kept["emp_no"] else "email"
        return f"{field}: Enter each once: line {before['line']} has it already"

    def refuse(self, line: int, sentence: str) -> None:
        """Write down what is wrong with a line, which is then not part of the draft."""
        self.file.execute("DELETE FROM drafted WHERE line = ?", (line,))
        self.file.execute("INSERT INTO problems VALUES (?, ?)", (line, sentence))

    def judge(self, verdicts: list[dict[str, Any]]) -> None:
        """Write down of rows what they change: their state, details, scopes, and version, words and email before."""
        self.file.executemany(JUDGE, verdicts)

    def problems(self) -> Iterator[tuple[int, str]]:
        """Return each wrong line with its sentence, in their order."""
        yield from self.file.execute("SELECT line, sentence FROM problems ORDER BY line")

    def count(self, state: str | None = None) -> int:
        """Return how many rows are of a state, or how many are wrong."""
        if state is None:
            found = self.file.execute("SELECT count(*) FROM problems")
        else:
            found = self.file.execute("SELECT count(*) FROM drafted WHERE state = ?", (state,))
        return int(found.fetchone()[0])

    def moves(self, most: int) -> tuple[int, list[sqlite3.Row]]:
        """Return how many employees would get another email, and the first of them."""
        moved = "FROM drafted WHERE state = ? AND email <> email_before"
        count = self.file.execute(f"SELECT count(*) {moved}", (CHANGED,)).fetchone()[0]
        first = f"SELECT emp_no, email_before, email {moved} ORDER BY emp_no LIMIT ?"
        return int(count), self.file.execute(first, (CHANGED, most)).fetchall()

    def rows(self, state: str) -> Iterator[list[sqlite3.Row]]:
        """Return the rows of a state in the order of their numbers, many at once; they may be judged meanwhile."""
        find = "SELECT * FROM drafted WHERE emp_no > ? AND state = ? ORDER BY emp_no LIMIT ?"
        after = 0
        while some := self.file.execute(find, (after, state, ROWS_AT_ONCE)).fetchall():
            yield some
            after = some[-1]["emp_no"]

    def spread_words(self) -> None:
        """Prepare the rows of employee_words that will come and go."""
        self.file.executemany(KEEP_WORD.format("unsorted"), self.word_rows_of(NEW, "words"))
        self.file.executemany(KEEP_WORD.format("unsorted"), self.word_rows_of(CHANGED, "words"))
        self.file.executemany(KEEP_WORD.format("outdated"), self.word_rows_of(CHANGED, "words_before"))
        self.file.execute("INSERT INTO word_rows SELECT * FROM unsorted ORDER BY word, emp_no")

    def word_rows_of(self, state: str, words: str) -> Iterator[dict[str, Any]]:
        """Return the rows of employee_words of all whose words or hire dates are new."""
        for some in self.rows(state):
            for row in some:
                if row["words"] != row["words_before"] or "hire_date" in orjson.loads(row["details"]):
                    yield from search.rows_for(row["emp_no"], row[words], row["hire_date"])

    def word_rows(self, table: str) -> Iterator[list[tuple[str, int, str, str]]]:
        """Return the rows of "word_rows", in the order of the words, or of "outdated", many at once."""
        found = self.file.execute(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608  our own names
        found.row_factory = None
        while some := found.fetchmany(ROWS_AT_ONCE):
            yield some

    def close(self) -> None:
        """Remove the draft."""
        self.file.close()
