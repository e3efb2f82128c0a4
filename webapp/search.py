"""The words by which employees are found, written so that neither accents nor case matter.

Each employee has their `words`, with a space before each: the last name, the first name, what else stands before
the @ of the email, and the email. They sort by name. Each word but the first, by which the index on `words` finds them,
has a row of its own in the table employee_words. It repeats what the directory filters and sorts by, so that on
every engine a search is a look at one stretch of one index.
"""

import re
from datetime import date
from typing import Any

from anyascii import anyascii
from sqlalchemy import delete, insert

from webapp.database import database
from webapp.tables import employee_words

WORD = re.compile(r"[a-z0-9]+")
LONGEST_NAME = 100
LONGEST_EMAIL = 255
MOST_WORDS = 20
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


def single_words(words: str) -> list[str]:
    """Return the words that an employee's `words` have, each once, but the first and the email."""
    first, *others = words.split()[:-1] or [""]
    return [word[:LONGEST_NAME] for word in dict.fromkeys(others) if word != first][:MOST_WORDS]


def rows_for(emp_no: int, words: str, hire_date: date | None) -> list[dict[str, Any]]:
    """Return an employee's rows of the table employee_words; add many in the order of `word`."""
    return [{"word": word, "emp_no": emp_no, "words": words, "hire_date": hire_date} for word in single_words(words)]


async def add_words(emp_no: int, words: str, hire_date: date | None) -> None:
    """Add an employee's rows of the table employee_words, in the caller's transaction."""
    for row in rows_for(emp_no, words, hire_date):
        await database.execute(insert(employee_words).values(**row))


async def remove_words(emp_no: int, words: str) -> None:
    """Remove the rows that `add_words` has added for these `words`, in the caller's transaction."""
    theirs = (employee_words.c.emp_no == emp_no) & employee_words.c.word.in_(single_words(words))
    await database.execute(delete(employee_words).where(theirs))
