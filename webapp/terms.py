"""What a search asks for: the beginnings of words, and the conditions of rows that have them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_

from webapp.employee_rules import LARGEST_NUMBER
from webapp.search import LONGEST_EMAIL, LONGEST_NAME, folded, words_in

# To write the query for each more takes another half a millisecond; words that are left out only let more be found.
MOST_WORDS = 4
MOST_EMAILS = 2
LONGEST_QUERY = 200
# Every folded sign comes before it.
HIGHEST = "\x7f"

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a query asks for, all of which must be there.

    Attributes:
        words: beginnings of words, the longest first.
        emails: beginnings of emails, as far as the @ at least.
    """

    words: list[str]
    emails: list[str]


def terms_of(query: str) -> Terms:
    """Return a query's terms; a word that begins another one of them says nothing more."""
    tokens = query[:LONGEST_QUERY].split()
    emails = [printable(folded(token))[:LONGEST_EMAIL] for token in tokens if "@" in token]
    words = {word[:LONGEST_NAME] for token in tokens for word in words_in(token.rpartition("@")[0] or token)}
    telling = [word for word in words if not any(other != word and other.startswith(word) for other in words)]
    return Terms(sorted(telling, key=lambda word: (-len(word), word))[:MOST_WORDS], emails[:MOST_EMAILS])


def printable(text: str) -> str:
    """Return a text without what no email has, and not every database can look for, such as NUL."""
    return "".join(filter(str.isprintable, text))


def has_all(table: FromClause, terms: Terms) -> list[Condition]:
    """Return the conditions of a row whose employee has all the terms."""
    return [has(table, term) for term in (*terms.words, *terms.emails)]


def has(table: FromClause, term: str) -> Condition:
    """Return the condition that one of an employee's words begins so, or that it is their number."""
    escaped = term.replace("/", "//").replace("%", "/%").replace("_", "/_")
    condition = table.c.words.like(f"% {escaped}%", escape="/")
    return or_(condition, table.c.emp_no == int(term)) if is_number(term) else condition


def is_number(term: str) -> bool:
    """Return whether a term may be an employee's number."""
    return term.isdecimal() and int(term) <= LARGEST_NUMBER


def begins(column: ColumnElement[Any], beginning: str) -> Condition:
    """Return the condition that a folded text begins so, in a form for which every engine uses its index."""
    return and_(column >= beginning, column < beginning + HIGHEST)
