"""Which new passwords are taken: the one rule for pages, JSON, commands, links and the first start (ASVS 6.2)."""

import asyncio
import math
import re
from collections.abc import Iterable

from webapp import settings
from webapp.auth.passwords import LONGEST, normal

# What zxcvbn calls safe from guessing online: more than a hundred million guesses.
LEAST_SCORE = 3
# Its time grows with the square of the length; so many characters take less than a twentieth of a second.
JUDGED_CHARACTERS = 64
# It tries each way to read signs as letters; one such password had hundreds, and took seconds.
MOST_READINGS = 9
READ_AS_ONE_LETTER = ("@4", "({[<", "69", "1!|", "17|", "$5", "7+")
FEWER_SIGNS = str.maketrans("4{[<95+", "@(((6$7")
# Shorter parts of a name, such as "Al", are within too many other words.
SHORTEST_OWN_WORD = 3
SITE_WORDS = ("latchkey", "password", "admin")

ADVICE = "Several words that have nothing to do with each other make a good one"
REASONS = {
    "repeat": "it repeats itself",
    "sequence": "it has a sequence in it, such as abc or 123",
    "spatial": "it follows the keys of the keyboard",
    "date": "it has a date in it",
    "dictionary": "it is made of what is tried first",
}
TOO_FEW = "there is too little in it"
OWN_WORDS = "there is too little in it beside your name, your email or the name of this site"


def in_words() -> str:
    """Return the rules as people read them before they type."""
    return f"At least {settings.PASSWORD_MIN_LENGTH} characters: any count, none is required. {ADVICE}."


async def problem_of(password: str, own_words: Iterable[str]) -> str:
    """Return what `problem_now` does, found away from the event loop."""
    return await asyncio.to_thread(problem_now, password, tuple(own_words))


def problem_now(password: str, own_words: Iterable[str]) -> str:
    """Return what to change in a new password, "" where it is good; it is judged and counted as it is hashed, composed.

    Args:
        own_words: the person's names and email, which others would try first (ASVS 6.2.11).
    """
    password = normal(password)
    if not settings.PASSWORD_MIN_LENGTH <= len(password) <= LONGEST:
        return f"Enter a new password with {settings.PASSWORD_MIN_LENGTH} to {LONGEST:,} characters"
    reason = weakness_of(password, own_words)
    return f"Choose another password, since this one is easy to guess: {reason}" if reason else ""


def weakness_of(password: str, own_words: Iterable[str]) -> str:
    """Return why a password is easy to guess, "" where it is not (ASVS 6.2.4, 6.2.12)."""
    from zxcvbn import zxcvbn  # only here: its lists take long to import

    rest = without(password, own_words)
    if not rest:
        return OWN_WORDS
    judged = zxcvbn(quickly_read(rest[:JUDGED_CHARACTERS]))
    if judged["score"] >= LEAST_SCORE:
        return ""
    patterns = [(str(part["pattern"]), len(part["token"])) for part in judged["sequence"]]
    return OWN_WORDS if rest != password else reason_of(patterns)


def without(password: str, own_words: Iterable[str]) -> str:
    """Return a password without the words that stand for its owner or this site, in any case."""
    words = {word for text in (*own_words, *SITE_WORDS) for word in re.split(r"[\W_]+", text.casefold())}
    long_enough = sorted((word for word in words if len(word) >= SHORTEST_OWN_WORD), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, long_enough)), "", password, flags=re.IGNORECASE)


def quickly_read(text: str) -> str:
    """Return a text with one sign for each letter, where too many signs could be read as letters in too many ways.

    And without line ends: zxcvbn takes digits and a line end for a date, and fails on it.
    """
    text = text.replace("\n", " ")
    readings = math.prod(max(1, sum(sign in text for sign in signs)) for signs in READ_AS_ONE_LETTER)
    return text.translate(FEWER_SIGNS) if readings > MOST_READINGS else text


def reason_of(patterns: list[tuple[str, int]]) -> str:
    """Return what makes a password weak, of its parts' patterns and lengths: the longest part that is not chance."""
    known = [(length, pattern) for pattern, length in patterns if pattern in REASONS]
    return REASONS[max(known)[1]] if known else TOO_FEW
