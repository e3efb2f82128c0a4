"""The kinds of fields: what each takes, and the sentence that says what to mend."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from wtforms import Field
from wtforms.validators import StopValidation

from webapp.normal_forms import compose

# Control characters, lone surrogates, and the marks that turn text around; tabs and line feeds are looked at apart.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# A letter and its mark, as some keyboards send them; to compose text takes the square of its marks in time.
MAX_CODE_POINTS = 2
SURROGATE = re.compile(r"[\ud800-\udfff]")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Checked(Field):
    """A field that reads its values in `read`; `what` names it in sentences, such as "your first name"."""

    empty: Any = ""

    def __init__(self, what: str, *, required: bool = True, **options: Any) -> None:
        super().__init__(what, **options)
        self.what, self.required = what, required

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = self.empty
        if len(valuelist) > 1:
            raise ValueError(f"Enter {self.what} once")
        text = valuelist[0] if valuelist else ""
        if SURROGATE.search(text):
            raise ValueError(f"Enter {self.what} without control characters")
        self.data = self.read(text)

    def read(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: what to mend, in a sentence.
        """
        raise NotImplementedError

    def pre_validate(self, form: Any) -> None:
        if self.process_errors:
            raise StopValidation

    def shown(self) -> Any:
        """Return what a template shows again: all that was typed, however long, and that can be shown."""
        return CONTROL.sub("", (self.raw_data or [""])[0])


class Line(Checked):
    """One line of text: stripped, composed (Unicode NFC), without control characters (ASVS 2.2.1)."""

    def __init__(self, what: str, longest: int, **options: Any) -> None:
        super().__init__(what, **options)
        self.longest = longest

    def read(self, text: str) -> str:
        if len(text) > 4 * self.longest + 100:
            raise ValueError(self.too_long())
        text = self.plain(text)
        if CONTROL.search(text):
            raise ValueError(f"Enter {self.what} without control characters")
        if len(text) > self.longest:
            raise ValueError(self.too_long())
        if text and not any(map(str.isprintable, "".join(text.split()))):
            raise ValueError(f"Enter {self.what} in letters that can be seen")
        if self.required and not text:
            raise ValueError(f"Enter {self.what}")
        return text

    def plain(self, text: str) -> str:
        """Return the text as it is kept."""
        text = compose(text.strip())
        if "\t" in text or "\n" in text:
            raise ValueError(f"Enter {self.what} in one line")
        return text

    def too_long(self) -> str:
        """Return the sentence for a text over the limit."""
        return f"Enter {self.what} with at most {self.longest:,} characters"


class Lines(Line):
    """Several lines of text, each ended by one line feed."""

    def plain(self, text: str) -> str:
        return compose(with_line_feeds(text).strip())

    def shown(self) -> str:
        return CONTROL.sub("", with_line_feeds((self.raw_data or [""])[0]))


def with_line_feeds(text: str) -> str:
    """Return a text each of whose lines is ended by one line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Email(Line):
    """An email address, in the form in which it is kept."""

    def read(self, text: str) -> str:
        from webapp import emails

        text = super().read(text)
        try:
            return emails.well_formed(text) if text else ""
        except ValueError:
            raise ValueError(f"Enter {self.what} like name@example.com") from None


class Secret(Checked):
    """A password: exactly as it was typed, and never shown again."""

    def __init__(self, what: str, longest: int, *, shortest: int = 1, **options: Any) -> None:
        super().__init__(what, **options)
        self.shortest, self.longest = shortest, longest

    def read(self, text: str) -> str:
        if not text and self.required:
            raise ValueError(f"Enter {self.what}")
        if text and len(text) < self.shortest:
            raise ValueError(f"Enter {self.what} with at least {self.shortest:,} characters")
        if is_too_long(text, self.longest):
            raise ValueError(f"Enter {self.what} with at most {self.longest:,} characters")
        return text

    def shown(self) -> str:
        return ""


def is_too_long(password: str, longest: int) -> bool:
    """Return whether a password has too many characters, each of which may be a letter and a mark."""
    return len(password) > (longest if password.isascii() else longest * MAX_CODE_POINTS)


class Day(Checked):
    """A date; None where none is given."""

    empty = None

    def read(self, text: str) -> date | None:
        text = text.strip()
        if not text and not self.required:
            return None
        try:
            if ISO_DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        raise ValueError(f"Enter {self.what} as year-month-day, such as 1990-12-31")


class SomeOf(Checked):
    """Some of some values, as a tuple in their order; a row of a file gives them in one text, with spaces between."""

    empty = ()

    def __init__(self, what: str, choices: Sequence[str], **options: Any) -> None:
        super().__init__(what, **options)
        self.choices = choices

    def process_formdata(self, valuelist: list[str]) -> None:
        chosen = {word for value in valuelist for word in value.split()}
        self.data = tuple(choice for choice in self.choices if choice in chosen)
        if not chosen <= set(self.choices) or (self.required and not chosen):
            raise ValueError(f"Choose {self.what}, of {', '.join(self.choices)}")

    def shown(self) -> list[str]:
        return [value for value in self.raw_data or [] if value in self.choices]
