"""Which text is an email address; imported where it is asked, since email_validator takes long to import."""

import functools
import re

import email_validator

from webapp.normal_forms import normal_email

# An internal tool's own mail domain may well end in .local.
email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")

# What may stand before the @ for certain, whatever follows it.
PLAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
LONGEST_LOCAL_PART = 64
LONGEST = 254


def well_formed(text: str) -> str:
    """Return an email in the form in which it is kept.

    Raises:
        ValueError: it is not an email address, with the reason in a sentence.
    """
    if len(text) > LONGEST:
        raise ValueError(f"It has more than {LONGEST} characters")
    local_part, _, domain = text.rpartition("@")
    is_plain = PLAIN.fullmatch(local_part) and len(local_part) <= LONGEST_LOCAL_PART
    if is_plain and domain.isascii():
        return f"{local_part.lower()}@{well_formed_domain(domain)}"
    return validated(text)


@functools.lru_cache(maxsize=1000)
def well_formed_domain(domain: str) -> str:
    """Return a domain in its normal form; an import has few of them and many emails.

    Raises:
        ValueError: it is not one.
    """
    return validated(f"a@{domain}").removeprefix("a@")


def validated(text: str) -> str:
    """Return an email in its normal form, as email_validator sees it; nobody asks its domain.

    Raises:
        ValueError: it is not an email address.
    """
    return normal_email(email_validator.validate_email(text, check_deliverability=False).normalized)
