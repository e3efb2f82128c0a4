"""The key that signs tokens: from SECRET_KEY, or made at the first start."""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from webapp import settings
from webapp.auth import key_strength

MAKE_ONE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
LEAST_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def checked(key: str, name: str = "SECRET_KEY") -> bytes:
    """Return the key's bytes, or end the program where the key is too short or known (RFC 7518 3.2, ASVS 11.2.3).

    Args:
        name: how the sentence calls it.
    """
    least = LEAST_BYTES[settings.ALGORITHM]
    try:
        data = key.encode()
    except UnicodeEncodeError:
        settings.refuse(f"{name} is not text in UTF-8; {MAKE_ONE}")
    if len(data) < least:
        settings.refuse(f"{name} has fewer than {least} characters; {MAKE_ONE}")
    if "," in key:
        settings.refuse(f"{name} has a comma, which PREVIOUS_SECRET_KEYS could not hold; {MAKE_ONE}")
    if key_strength.is_known(key):
        settings.refuse(f"{name} is a published key, so that anybody could log in as anybody; {MAKE_ONE}")
    # A key that was made here is random: a start with it need not import what judges the others.
    if not key_strength.is_made_here(key) and key_strength.can_be_guessed(key):
        settings.refuse(f"{name} can be guessed; {MAKE_ONE}")
    return data


def kept_in(file: Path) -> str:
    """Return the key kept in a file, which is made, readable by its owner only, where it is not there."""
    try:
        if not file.exists():
            make(file)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            settings.refuse(f"others can read {file}; take that away with: chmod 600 {file}")
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        settings.refuse(f"the key cannot be kept in {file} ({error.strerror}); set SECRET_KEY or SECRET_KEY_FILE")
    except UnicodeDecodeError:
        settings.refuse(f"{file} holds no key of ours; move it away, or set SECRET_KEY or SECRET_KEY_FILE")


def make(file: Path) -> None:
    """Write a random key to a new file, whole or not at all, and say so."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=file.parent)
    try:
        with open(handle, "w", encoding="ascii") as opened:
            opened.write(key_strength.new() + "\n")
        os.link(draft, file)
        print(f"A key to sign tokens with was made and is kept in {file}", file=sys.stderr)
    except FileExistsError:
        pass  # another process was first; its key is the one
    finally:
        os.unlink(draft)


def key_id(key: bytes) -> str:
    """Return the name by which tokens call a key (RFC 7515 4.1.4): it tells nothing of the key."""
    return hashlib.sha256(b"latchkey key id\0" + key).hexdigest()[:16]


def signing_key() -> bytes:
    """Return the key of SECRET_KEY or, where that is empty, of SECRET_KEY_FILE."""
    if str(settings.SECRET_KEY):
        return checked(str(settings.SECRET_KEY))
    return checked(kept_in(settings.SECRET_KEY_FILE), f"the key in {settings.SECRET_KEY_FILE}")


SIGNING_KEY = signing_key()
SIGNING_KEY_ID = key_id(SIGNING_KEY)
PREVIOUS_KEYS = [checked(key, "a key of PREVIOUS_SECRET_KEYS") for key in settings.PREVIOUS_SECRET_KEYS]
KEYS = {key_id(key): key for key in (*PREVIOUS_KEYS, SIGNING_KEY)}
