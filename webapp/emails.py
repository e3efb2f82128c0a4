"""Which text is an email address; imported where it is asked, since email_validator takes long to import."""

import email_validator

from webapp.employees import normal_email

# An internal tool's own mail domain may well end in .local.
email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")


def well_formed(text: str) -> str:
    """Return an email in the form in which it is kept.

    Raises:
        ValueError: it is not an email address, with the reason in a sentence.
    """
    return normal_email(email_validator.validate_email(text, check_deliverability=False).normalized)
