"""The words by which employees are found, written so that neither accents nor case matter.

Each employee has one row of `words`, with a space before each: the last name, the first name, what else stands
before the @ of the email, and the email. It sorts by name. For each word but the first there is one more row with
the words turned around, so that whichever word somebody types begins a row, and an index finds it on every engine.
"""

import re
from collections.abc import Iterable
from typing import Any

from anyascii import anyascii
from sqlalchemy import delete, insert

from webapp.database import database
from webapp.tables import employee_words

WORD = re.compile(r"[a-z0-9]+")
LONGEST_NAME = 100
LONGEST_EMAIL = 255
MOST_TURNS = 20
# Lower than any sign of a word, so that Lee comes before Lee Brown whatever their first names are.
BETWEEN_NAMES = "  "


def folded(text: str) -> str:
    """Return a text in lower-case ASCII: Müller as muller, Søren as soren, Straße as strasse, O'Brien as obrien."""
    return anyascii(text).lower().replace("'", "")


def words_in(text: str) -> list[str]:
    """Return a text's folded words, which are letters and digits only."""
    return WORD.findall(folded(text))


def words_of(first_name: str, last_name: str, email: str) -> str:
    """Return what is kept in an employee's `words`."""
    last, first = words_in(last_name), words_in(first_name)
    more = [word for word in dict.fromkeys(words_in(email.rpartition("@")[0])) if word not in last + first]
    names = (" ".join(part)[:LONGEST_NAME].rstrip() for part in (last, first, more))
    whole_email = "".join(folded(email).split())[:LONGEST_EMAIL]
    return " " + BETWEEN_NAMES.join(part for part in (*names, whole_email) if part)


def turns_of(words: str) -> list[str]:
    """Return an employee's `words` turned so that each word but the first and the email comes first once."""
    *names, email = words.split()
    found: dict[str, str] = {}
    for place, word in enumerate(names[1:], 1):
        found.setdefault(word, " " + " ".join([*names[place:], email, *names[:place]]))
    return [turn for word, turn in found.items() if word != names[0]][:MOST_TURNS]


def rows_for(emp_no: int, words: str) -> list[dict[str, Any]]:
    """Return an employee's rows of the table employee_words; for many employees add them in the order of `words`."""
    return [{"words": turn, "emp_no": emp_no} for turn in turns_of(words)]


async def add_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Add rows of the table employee_words, in the caller's transaction."""
    for row in rows:
        await database.execute(insert(employee_words).values(**row))


async def change_words(emp_no: int, before: str, now: str) -> None:
    """Put the rows of an employee's new `words` in the place of the ones before, in the caller's transaction."""
    if before == now:
        return
    outdated = employee_words.c.words.in_(turns_of(before))
    await database.execute(delete(employee_words).where(employee_words.c.emp_no == emp_no, outdated))
    await add_rows(rows_for(emp_no, now))
