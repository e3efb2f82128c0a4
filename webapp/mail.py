"""Mail, where SMTP_URL names a server for it; never without TLS unless that says so."""

import functools
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from webapp import clock, settings

TIMEOUT_SECONDS = 10
PORTS = {"smtp": 587, "smtps": 465}


def is_on() -> bool:
    """Return whether there is a mail server."""
    return bool(settings.SMTP_URL)


def message_to(recipient: str, subject: str, text: str) -> EmailMessage:
    """Return a mail in plain text that nobody's machine answers (RFC 3834)."""
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.MAIL_FROM
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate(clock.now())
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return whom to trust, read once: it takes so long that who waits meanwhile could tell that a mail is sent."""
    return ssl.create_default_context()


async def send(message: EmailMessage) -> None:
    """Give a mail to the server.

    Raises:
        Exception: it could not be reached or trusted, or did not take the mail.
    """
    import aiosmtplib  # only here: where there is no mail server, nobody waits for it

    url = urlsplit(str(settings.SMTP_URL))
    at_once = url.scheme == "smtps"
    await aiosmtplib.send(
        message,
        hostname=url.hostname,
        port=url.port or PORTS[url.scheme],
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        use_tls=at_once,
        start_tls=not at_once and url.query != "tls=none",
        tls_context=tls_context(),
        timeout=TIMEOUT_SECONDS,
    )


def trouble_in(error: Exception) -> str:
    """Return what went wrong, for the log: kinds and codes alone, since servers repeat addresses in their words."""
    kinds = [type(one).__name__ for one in (error, error.__cause__) if one is not None]
    return " ".join(map(str, [*kinds, getattr(error, "code", "")])).strip()
