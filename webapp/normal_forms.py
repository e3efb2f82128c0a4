"""The one form in which texts and emails are kept, so that what looks the same is the same (Unicode NFC, UAX 15)."""

import unicodedata

# UAX 15's Stream-Safe Text Format: no language puts as many marks on one letter. NFC sorts them, in time that grows
# with the square of their number.
MAX_MARKS = 30
# Three characters whose class is not that of marks, but that NFC takes apart into marks only.
MADE_OF_MARKS = frozenset("\u0f73\u0f75\u0f81")


def compose(text: str) -> str:
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


def normal_email(email: str) -> str:
    """Return the form in which an email is kept, so that neither its case matters nor how its domain is written."""
    plain = email.strip().lower()
    return plain if plain.isascii() and "xn--" not in plain else readable(plain)


def readable(email: str) -> str:
    """Return an email composed (Unicode NFC), and its domain without punycode, as browsers send müller.example."""
    import idna  # only here: its lists take long to import

    local_part, at, domain = unicodedata.normalize("NFC", email).rpartition("@")
    try:
        return f"{local_part}{at}{idna.decode(domain, uts46=True)}"
    except idna.IDNAError:
        return f"{local_part}{at}{domain}"
