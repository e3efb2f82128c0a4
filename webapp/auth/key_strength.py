"""Tell which key is published, or could be guessed: with it anybody can log in as anybody (ASVS 11.2.3, 13.3.1)."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

KNOWN = Path(__file__).with_name("known_keys.txt")
PREFIX_DIGITS = 16

# The decimal logarithm of zxcvbn's guesses, for each character: at least 0.86 in thousands of random keys (0.76 in 40
# digits), at most 0.69 in English sentences. Its time grows with the square of the length.
MIN_DECADES_A_CHARACTER = 0.72
JUDGED_CHARACTERS = 64
BETWEEN_WORDS = re.compile(r"[-_.,:;/\\|\s]+")

# What people paste along with a key.
AROUND = "\"'`\ufeff\u200b"
CHECK_CHARACTERS = 11


def new() -> str:
    """Return a random key of 86 characters and, as some tokens have it, a check that tells it from all others."""
    key = secrets.token_urlsafe(64)
    return key + check_of(key)


def check_of(key: str) -> str:
    """Return what `new` puts after a key."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"latchkey key {key}".encode()).digest())[:CHECK_CHARACTERS].decode()


def is_made_here(key: str) -> bool:
    """Return whether `new` made a key, which is then random: the check of any other is right once in 2**66 keys."""
    return hmac.compare_digest(key[-CHECK_CHARACTERS:].encode(), check_of(key[:-CHECK_CHARACTERS]).encode())


def is_known(key: str) -> bool:
    """Return whether a key is a published one, as it is or in one of its readings."""
    known = set(KNOWN.read_text(encoding="ascii").splitlines())
    return any(hashlib.sha256(reading).hexdigest()[:PREFIX_DIGITS] in known for reading in readings_of(key))


def readings_of(key: str) -> Iterator[bytes]:
    """Return a key as it is, and without what was pasted along, in lower case, once and not twice, decoded, encoded."""
    plain = key.strip().strip(AROUND).strip()
    for text in (key, plain, "".join(plain.split()), plain.lower(), once(plain)):
        yield text.encode()
    yield from decoded(plain)
    yield base64.b64encode(plain.encode())
    yield plain.encode().hex().encode()


def once(text: str) -> str:
    """Return what a text repeats, with a character between or without; the text itself where it repeats nothing."""
    half = len(text) // 2
    if text[:half] == text[-half:]:
        return text[:half]
    return text[: (text + text).find(text, 1)]


def decoded(text: str) -> Iterator[bytes]:
    """Return what a text is in hexadecimal and in base64, where it is that."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    for decode in (binascii.unhexlify, base64.b64decode, base64.urlsafe_b64decode):
        try:
            yield decode(text if decode is binascii.unhexlify else padded)
        except ValueError:
            continue


def can_be_guessed(key: str) -> bool:
    """Return whether a key is words, repeats itself, or is otherwise no random one, also in base64 or hexadecimal."""
    plain = key.strip().strip(AROUND).strip()
    texts = [reading.decode() for reading in decoded(plain) if reading.isascii() and reading.decode().isprintable()]
    return any(decades_a_character(text[:JUDGED_CHARACTERS]) < MIN_DECADES_A_CHARACTER for text in (plain, *texts))


def decades_a_character(text: str) -> float:
    """Return the decimal logarithm of how many guesses a text takes, as a whole or word by word, for each character."""
    words = [word for word in BETWEEN_WORDS.split(text) if word]
    return min(guesses_for([text]) / max(1, len(text)), guesses_for(words) / max(1, sum(map(len, words))))


def guesses_for(words: list[str]) -> float:
    """Return the decimal logarithm of how many guesses words take, one after the other."""
    from zxcvbn import zxcvbn  # only here: its lists take long to import

    from webapp.auth.password_rules import quickly_read

    return sum(float(zxcvbn(quickly_read(word))["guesses_log10"]) for word in words)
