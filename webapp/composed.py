"""Text in one form, so that what looks the same is the same (Unicode NFC, UAX 15)."""

import unicodedata

# UAX 15's Stream-Safe Text Format: no language puts as many marks on one letter. NFC sorts them, in time that grows
# with the square of their number.
MAX_MARKS = 30
# Three characters whose class is not that of marks, but that NFC takes apart into marks only.
MADE_OF_MARKS = frozenset("\u0f73\u0f75\u0f81")


def composed(text: str) -> str:
    """Return a text in Unicode's form NFC (ASVS 2.2.1).

    Raises:
        ValueError: it has more than MAX_MARKS marks on one letter; the error says so in a sentence for people.
    """
    if text.isascii():
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) or character in MADE_OF_MARKS else 0
        if marks > MAX_MARKS:
            raise ValueError(f"Enter at most {MAX_MARKS} marks on one letter")
    return unicodedata.normalize("NFC", text)
