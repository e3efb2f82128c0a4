"""Text in one form, so that what looks the same is the same (Unicode NFC, UAX 15)."""

import unicodedata

# UAX 15's Stream-Safe Text Format: no language puts so many marks on one letter. To sort them, as NFC does, takes time
# that grows with the square of their number.
MAX_MARKS = 30
# Three signs that are no marks by their class, but that NFC takes apart into nothing else.
MADE_OF_MARKS = frozenset("\u0f73\u0f75\u0f81")


def composed(text: str) -> str:
    """Return a text in Unicode's form NFC (ASVS 2.2.1).

    Raises:
        ValueError: it has more than MAX_MARKS marks on one letter, with what to mend.
    """
    if text.isascii():
        return text
    marks = 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) or sign in MADE_OF_MARKS else 0
        if marks > MAX_MARKS:
            raise ValueError(f"Enter at most {MAX_MARKS} marks on one letter")
    return unicodedata.normalize("NFC", text)
