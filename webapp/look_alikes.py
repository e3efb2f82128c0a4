"""Which email a person could take for another one; asked where an email is set, never where somebody logs in.

The rules are UTS 39's, for each part between dots: one script, and not all of its letters such as Latin ones.
"""

import unicodedata

from webapp import settings

# Scripts that one word of a language may mix.
TOGETHER = (
    {"HAN", "HIRAGANA", "KATAKANA"},
    {"HAN", "HANGUL"},
    {"HAN", "BOPOMOFO"},
)
# Characters that several scripts share, with the scripts that they stand among.
SHARED = {"ー": {"HIRAGANA", "KATAKANA"}, "・": {"HAN", "HIRAGANA", "KATAKANA"}}
# Beyond these, Latin letters are those of phonetic transcription, many of which look like others; the gap in the first
# is the letters of clicks, which look like strokes, l, ll and an exclamation mark.
LATIN_OF_LANGUAGES = (range(0x0080, 0x01C0), range(0x01C4, 0x0250), range(0x1E00, 0x1F00))
# Within them, letters that no language writes any more, or never did, and that look like b, 2, 5, p, 3 and j.
DISUSED = frozenset("ƅƨƽƿȝȷ")

COMPATIBLE = "some of its characters only look like letters; type it instead of pasting it"
NOT_ASCII = "before the @, use only a to z, digits and punctuation"
MIXED = "“{}” has letters of several alphabets, or marks that belong to none"
LIKE_LATIN = "“{}” can be read as other letters, from a to z"


def problem_of(email: str) -> str:
    """Return what to change in a new email, in its normal form, that could be taken for another; "" for nothing."""
    reason = "" if email.isascii() else reason_of(email)
    return f"Enter an email address that cannot be taken for another one: {reason}" if reason else ""


def reason_of(email: str) -> str:
    """Return why an email could be taken for another one, "" where it could not."""
    local_part, _, domain = email.rpartition("@")
    if unicodedata.normalize("NFKC", email) != email:
        return COMPATIBLE
    if not local_part.isascii() and not settings.NON_ASCII_EMAILS:
        return NOT_ASCII
    labels = domain.split(".")
    for part in (*local_part.split("."), *labels):
        if not part.isascii() and not is_of_one_alphabet(part):
            return MIXED.format(part)
    for part in (*local_part.split("."), *without_known_ending(labels)):
        if not part.isascii() and is_like_latin(part):
            return LIKE_LATIN.format(part)
    return ""


def without_known_ending(labels: list[str]) -> list[str]:
    """Return a domain's labels without its ending, which may be Cyrillic for "rus", where the label before shows it."""
    before, ending = labels[-2:] if len(labels) > 1 else ("", labels[-1])
    shows_the_alphabet = scripts_of(before) == scripts_of(ending) and not is_like_latin(before)
    return labels[:-1] if shows_the_alphabet else labels


def scripts_of(text: str) -> set[str]:
    """Return the scripts of a text's characters but those in ASCII that are no letters."""
    from confusable_homoglyphs import categories  # only here: its lists take long to import

    return {categories.alias(character) for character in text if not character.isascii() or character.isalpha()}


def is_of_one_alphabet(part: str) -> bool:
    """Return whether a part's letters are of one script, or of several that belong together, and all are known."""
    shared = {character for character in part if character in SHARED}
    scripts = scripts_of("".join(character for character in part if character not in shared))
    if len(scripts) > 1 and not any(scripts <= together for together in TOGETHER):
        return False
    if scripts & {"COMMON", "INHERITED", "Unknown"} or any(not scripts & SHARED[character] for character in shared):
        return False
    return "LATIN" not in scripts or all(character.isascii() or is_of_a_language(character) for character in part)


def is_of_a_language(letter: str) -> bool:
    """Return whether a Latin letter is one that people write in some language."""
    return letter not in DISUSED and any(ord(letter) in letters for letters in LATIN_OF_LANGUAGES)


def is_like_latin(part: str) -> bool:
    """Return whether each letter of a part looks like one from a to z, or like a digit."""
    if "LATIN" not in scripts_of(part):  # there, é is no e
        decomposed = unicodedata.normalize("NFD", part)
        part = "".join(character for character in decomposed if not unicodedata.combining(character))
    return all(character.isascii() or looks_like_ascii(character) for character in part)


def looks_like_ascii(character: str) -> bool:
    """Return whether a character looks like an ASCII letter or digit, as UTS 39's list of confusables has it."""
    from confusable_homoglyphs import confusables

    found = (other["c"] for other in confusables.confusables_data.get(character, ()))
    return any(text.isascii() and text.isalnum() and len(text) == 1 for text in found)
