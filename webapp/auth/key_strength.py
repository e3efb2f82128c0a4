"""Tell which key is published, or could be guessed: with it anybody can log in as anybody (ASVS 11.2.3, 13.3.1)."""

import base64
import binascii
import hashlib
import hmac
import itertools
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

# Successive bytes of a pattern, such as 00 01 02 or a1b2c3, differ in few ways: at most one in so many.
BYTES_A_STEP = 6

# Of how many hexadecimal digits each hash is that people make of a word for a key.
HASHES = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}

# What people paste along with a key.
AROUND = "\"'`“”‘’<>()[]{};\ufeff\u200b"
LABEL = re.compile(r"(?:export\s+)?\w+\s*[=:]\s*(?=.{16})|0x|b(?=[\"'])")
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
    plain, without_label = bare(key), unlabelled(key)
    for text in (
        key,
        plain,
        without_label,
        BETWEEN_WORDS.sub("", plain),
        "".join(plain.split()),
        plain.lower(),
        once(plain),
    ):
        yield text.encode()
    for data in decoded(without_label):
        yield data
        yield data.hex().encode()
    yield base64.b64encode(plain.encode())
    yield plain.encode().hex().encode()


def bare(key: str) -> str:
    """Return a key without the spaces, quotes and brackets around it."""
    return key.strip().strip(AROUND).strip()


def unlabelled(key: str) -> str:
    """Return a key without what is around it and, as in a line of a settings file, its name or encoding before it."""
    plain = bare(key)
    found = LABEL.match(plain)
    return bare(plain[found.end() :]) if found else plain


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
    plain = unlabelled(key)
    encoded = list(decoded(plain))
    if any(map(is_pattern, (plain.encode(), *encoded))) or is_hash_of_word(plain):
        return True
    texts = [data.decode() for data in encoded if data.isascii() and data.decode().isprintable()]
    if key != plain:  # it may be mostly spaces or quotes: what is between them has too few characters
        texts.append(key)
    return any(decades_a_character(text[:JUDGED_CHARACTERS]) < MIN_DECADES_A_CHARACTER for text in (plain, *texts))


def is_pattern(data: bytes) -> bool:
    """Return whether bytes go on as they began, up, down or in turns."""
    steps = [(after - before) % 256 for before, after in itertools.pairwise(data[:JUDGED_CHARACTERS])]
    return 0 < len(set(steps)) * BYTES_A_STEP <= len(steps)


def is_hash_of_word(text: str) -> bool:
    """Return whether a text is the hash of nothing or of a common password, as `echo secret | sha256sum` prints it."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # only here: its lists take long to import

    if len(text) not in HASHES:
        return False
    digest_of = getattr(hashlib, HASHES[len(text)])
    words = ("", *FREQUENCY_LISTS["passwords"])
    return any(digest_of(f"{word}{end}".encode()).hexdigest() == text.lower() for word in words for end in ("", "\n"))


def decades_a_character(text: str) -> float:
    """Return the decimal logarithm of how many guesses a text takes, as a whole or word by word, for each character."""
    words = [word for word in BETWEEN_WORDS.split(text) if word]
    readings = ([text], words, ["".join(words)])
    return min(guesses_for(reading) / max(1, sum(map(len, reading))) for reading in readings)


def guesses_for(words: list[str]) -> float:
    """Return the decimal logarithm of how many guesses words take, one after the other."""
    from zxcvbn import zxcvbn  # only here: its lists take long to import

    from webapp.auth.password_rules import quickly_read

    return sum(float(zxcvbn(quickly_read(word))["guesses_log10"]) for word in words)
