"""The rules of an employee's fields, written once for pages, JSON, commands and imports.

Each rule takes a text and returns what is kept, or raises ValueError with what to mend, as WTForms and argparse want.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from webapp.auth.scopes import SCOPES
from webapp.normal_forms import compose

LONGEST_NAME = 50
GENDERS = ("F", "M", "X")
EARLIEST_DAY = date(1900, 1, 1)
LARGEST_NUMBER = 2**31 - 1
# A spreadsheet takes what begins so for a formula (ASVS 1.2.10); refused here, an export needs no changing.
FORMULA_SIGNS = ("=", "+", "-", "@")


def emp_no(text: str) -> int:
    """Return an employee's number, which is positive."""
    if not (text.isascii() and text.isdigit() and 0 < len(text.lstrip("0")) <= 10 and int(text) <= LARGEST_NUMBER):
        raise ValueError(f"Enter a number from 1 to {LARGEST_NUMBER}")
    return int(text)


def email(text: str) -> str:
    """Return a well-formed email in lower case; nobody asks its domain."""
    from webapp import emails  # only here: with it comes email_validator, which takes long to import

    if text.strip().startswith(FORMULA_SIGNS):
        raise ValueError(f"Enter an email address that does not begin with {' '.join(FORMULA_SIGNS)}")
    try:
        return emails.well_formed(text.strip())
    except ValueError as error:
        raise ValueError(f"Enter an email address such as name@example.com: {str(error).rstrip('.')}") from None


def new_email(text: str) -> str:
    """Return a well-formed email that nobody takes for another one."""
    from webapp import look_alikes

    found = email(text)
    if problem := look_alikes.problem_of(found):
        raise ValueError(problem)
    return found


def name(text: str) -> str:
    """Return a name of 1 to 50 characters without spaces around it, composed (Unicode NFC, ASVS 2.2.1)."""
    stripped = text.strip()
    # NFC makes one character of at most four: a text that is longer than that is too long in any form.
    if len(stripped) <= 4 * LONGEST_NAME:
        stripped = compose(stripped)
    if not 1 <= len(stripped) <= LONGEST_NAME:
        raise ValueError(f"Enter a name of 1 to {LONGEST_NAME} characters")
    if not stripped.isprintable():
        raise ValueError("Enter a name in signs that can be seen, with plain spaces between")
    if stripped.startswith(FORMULA_SIGNS):
        raise ValueError(f"Enter a name that does not begin with {' '.join(FORMULA_SIGNS)}")
    return stripped


def day(text: str) -> date | None:
    """Return a date from 1900 on, None where there is none."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found < EARLIEST_DAY or found.isoformat() != text:
        raise ValueError("Enter a date from 1900 on, such as 1990-12-31")
    return found


def gender(text: str) -> str | None:
    """Return F, M or X, None where nothing is said."""
    if text and text not in GENDERS:
        raise ValueError("Enter F, M or X, or nothing")
    return text or None


def scopes(text: str) -> tuple[str, ...]:
    """Return known scopes, each once, from a text in which spaces or commas divide them."""
    given = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if unknown := set(given) - set(SCOPES):
        raise ValueError(f"Enter only scopes of these: {' '.join(SCOPES)}, and not {' '.join(sorted(unknown))}")
    return given


def in_order(birth_date: date | None, hire_date: date | None) -> None:
    """Let nobody be hired before the day after their birth."""
    if birth_date and hire_date and hire_date <= birth_date:
        raise ValueError("Enter a hire date after the birth date")


RULES = {
    "emp_no": emp_no,
    "email": email,
    "birth_date": day,
    "first_name": name,
    "last_name": name,
    "gender": gender,
    "hire_date": day,
    "scopes": scopes,
}


def checked(texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is kept of each field that its rule lets pass, and for each other what to mend."""
    kept: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field, text in texts.items():
        try:
            kept[field] = RULES[field](text)
        except ValueError as error:
            problems[field] = str(error)
    try:
        in_order(kept.get("birth_date"), kept.get("hire_date"))
    except ValueError as error:
        problems["hire_date"] = str(error)
    return kept, problems
