"""The key that signs tokens: from SECRET_KEY, or made at the first start."""

import hashlib
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

from webapp import settings

# Keys that examples on the web or these files have printed, by their SHA-256: who knows one could be anybody.
PUBLISHED = {
    "570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89",
    "96b288e1c8ae8e77b0dd775ab87d9275dbe3e0a6fecfaef45d1a70ee23b9169a",
    "775ad11d37eebfe985acd54acdaa5d2c40181421389044b87d29d62182a43e6c",
    "465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b",
}
MAKE_ONE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
LEAST_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def checked(key: str) -> bytes:
    """Return the key's bytes, or end the program where the key is too short or known (RFC 7518 3.2, ASVS 11.2.3)."""
    least = LEAST_BYTES[settings.ALGORITHM]
    try:
        data = key.encode()
    except UnicodeEncodeError:
        settings.refuse(f"SECRET_KEY is not text in UTF-8; {MAKE_ONE}")
    if len(data) < least:
        settings.refuse(f"SECRET_KEY has fewer than {least} characters; {MAKE_ONE}")
    if "," in key:
        settings.refuse(f"SECRET_KEY has a comma, which PREVIOUS_SECRET_KEYS could not hold; {MAKE_ONE}")
    if len(set(key)) < 10 or key in PUBLISHED or hashlib.sha256(data).hexdigest() in PUBLISHED:
        settings.refuse(f"SECRET_KEY can be guessed; {MAKE_ONE}")
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
            opened.write(secrets.token_urlsafe(64) + "\n")
        os.link(draft, file)
        print(f"A key to sign tokens with was made and is kept in {file}", file=sys.stderr)
    except FileExistsError:
        pass  # another process was first; its key is the one
    finally:
        os.unlink(draft)


def key_id(key: bytes) -> str:
    """Return the name by which tokens call a key (RFC 7515 4.1.4): it tells nothing of the key."""
    return hashlib.sha256(b"latchkey key id\0" + key).hexdigest()[:16]


SIGNING_KEY = checked(str(settings.SECRET_KEY) or kept_in(settings.SECRET_KEY_FILE))
SIGNING_KEY_ID = key_id(SIGNING_KEY)
PREVIOUS_KEYS = [checked(key) for key in settings.PREVIOUS_SECRET_KEYS]
KEYS = {key_id(key): key for key in (*PREVIOUS_KEYS, SIGNING_KEY)}
