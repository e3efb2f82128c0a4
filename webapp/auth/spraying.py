"""One password tried with many emails, from however many addresses (password spraying, ASVS 6.3.1).

Each email sees one guess and each address few, so no other count notices. Which passwords were wrong is known to this
process alone, by hashes with a key that dies with it, and is never written anywhere.
"""

import contextlib
import hashlib
import secrets
from collections import OrderedDict

from webapp import clock, settings
from webapp.normal_forms import compose

KEY = secrets.token_bytes(32)
# More than can be judged within a window, so that nobody fills it up to have a password forgotten.
MAX_PASSWORDS = 20_000

# For each wrong password the emails that it was tried with, and when; the password that was tried last is the last.
wrong: OrderedDict[bytes, dict[str, float]] = OrderedDict()


def digest_of(password: str) -> bytes:
    """Return the form in which a wrong password is remembered: one, however the keyboard composes its letters."""
    # So many marks that composing them takes long are nobody's password, and count as they were typed.
    with contextlib.suppress(ValueError):
        password = compose(password)
    return hashlib.blake2b(password.encode("utf-8", "surrogatepass"), key=KEY, digest_size=16).digest()


def seconds_to_wait(password: str) -> float:
    """Return how long nobody may try a password that was wrong with many emails; 0 where it may be tried now."""
    tried = sorted(wrong.get(digest_of(password), {}).values(), reverse=True)
    if len(tried) < settings.THROTTLE_PASSWORD_EMAILS:
        return 0
    return max(0, tried[settings.THROTTLE_PASSWORD_EMAILS - 1] + settings.THROTTLE_WINDOW_SECONDS - clock.steady())


def count(password: str, email_key: str) -> None:
    """Remember that a password was wrong with an email."""
    now = clock.steady()
    digest = digest_of(password)
    tried = wrong.pop(digest, {})
    recent = {key: when for key, when in tried.items() if when > now - settings.THROTTLE_WINDOW_SECONDS}
    wrong[digest] = {**recent, email_key: now}
    if len(wrong) > MAX_PASSWORDS:
        wrong.popitem(last=False)
