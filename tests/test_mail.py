"""Mail goes to a real server: with STARTTLS, with TLS, and without either only where that is asked for."""

import asyncio
import functools
import ssl
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from webapp import mail, settings

LINE = "Grüße, and a line that is not folded: http://127.0.0.1:8000/auth/link?token=" + "x" * 150


class Inbox:
    """Keeps the mail that a server gets."""

    def __init__(self):
        self.mails = []
        self.logins = []
        self.encrypted = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  as aiosmtpd has it
        self.encrypted.append(server.transport.get_extra_info("cipher") is not None)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"p@ss", handled=False)


async def listen(inbox, starttls=None, tls=None, login=False):
    """Return a mail server on this machine, on any free port."""
    options = {"authenticator": inbox.authenticate, "auth_required": True} if login else {}

    def protocol():
        return SMTP(inbox, hostname="localhost", tls_context=starttls, require_starttls=starttls is not None, **options)

    return await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)


@pytest.fixture(scope="session")
def authority():
    """Who signs the certificates of the mail servers here."""
    trustme = pytest.importorskip("trustme", reason="certificates need .ci/requirements.txt")
    return trustme.CA()


@pytest.fixture
def certificate(authority):
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Let this machine trust the authority, as SSL_CERT_FILE does."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    mail.tls_context.cache_clear()
    yield
    mail.tls_context.cache_clear()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def serve(run, inbox):
    """Start a mail server, whose mail comes into the inbox, and return its host and port."""
    started = []

    def start(**options):
        started.append(run(functools.partial(listen, inbox, **options)))
        return f"localhost:{started[-1].sockets[0].getsockname()[1]}"

    yield start
    for server in started:
        run(close, server)


async def close(server):
    server.close()


@pytest.fixture
def send(run, monkeypatch):
    """Send a mail to the server of an address."""

    def sent(url):
        monkeypatch.setattr(settings, "SMTP_URL", settings.mail_server(url))
        monkeypatch.setattr(settings, "MAIL_FROM", "latchkey@example.com")
        assert mail.is_on()
        run(mail.send, mail.message_to("ann@example.com", "Set a new password", LINE))

    return sent


def test_starttls(serve, certificate, trusted, inbox, send):
    """ASVS 12.3.1, 12.3.2."""
    send(f"smtp://{serve(starttls=certificate)}")
    (message,) = inbox.mails
    assert inbox.encrypted == [True]
    assert (message["from"], message["to"]) == ("latchkey@example.com", "ann@example.com")
    assert message["auto-submitted"] == "auto-generated"
    assert message["message-id"].endswith("@example.com>")
    assert message.get_content().strip() == LINE


def test_tls_from_the_start(serve, certificate, trusted, inbox, send):
    send(f"smtps://{serve(tls=certificate)}")
    assert len(inbox.mails) == 1


def test_with_a_name_and_a_password(serve, certificate, trusted, inbox, send):
    send(f"smtp://some%40body:p%40ss@{serve(starttls=certificate, login=True)}")
    assert inbox.logins == [("some@body", "p@ss")]
    assert len(inbox.mails) == 1


def test_whom_to_trust_is_read_once(serve, certificate, trusted, inbox, send, monkeypatch):
    """ASVS 6.3.8: reading it holds everybody up, so that who asks next could tell that there was a mail to send."""
    read = []
    monkeypatch.setattr(
        mail.ssl, "create_default_context", lambda make=ssl.create_default_context: read.append(1) or make()
    )
    for _ in range(3):
        send(f"smtp://{serve(starttls=certificate)}")
    assert (len(inbox.mails), len(read)) == (3, 1)


def test_without_tls_only_where_that_is_asked_for(serve, inbox, send):
    address = serve()
    with pytest.raises(Exception, match="STARTTLS"):
        send(f"smtp://{address}")
    assert inbox.mails == []
    send(f"smtp://{address}?tls=none")
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_nothing(serve, certificate, inbox, send, kind):
    """ASVS 12.3.2, 12.3.4."""
    scheme = {"starttls": "smtp", "tls": "smtps"}[kind]
    with pytest.raises(Exception, match="certificate verify failed") as failed:
        send(f"{scheme}://some:p%40ss@{serve(**{kind: certificate})}")
    assert inbox.mails == inbox.logins == []
    assert "SSLCertVerificationError" in mail.trouble_in(failed.value) or "Connect" in mail.trouble_in(failed.value)


def test_what_went_wrong_is_told_without_addresses(serve, certificate, trusted, send):
    with pytest.raises(Exception) as failed:
        send(f"smtp://some:wrong@{serve(starttls=certificate, login=True)}")
    assert mail.trouble_in(failed.value) == "SMTPAuthenticationError 535"


@pytest.mark.parametrize("sender", ["latchkey@example.com", "Latchkey <latchkey@example.com>"])
def test_the_sender_may_have_a_name(monkeypatch, sender):
    """RFC 5322 3.6.4: the number of a mail has nothing of the brackets around the sender's address."""
    monkeypatch.setattr(settings, "MAIL_FROM", sender)
    message = mail.message_to("ann@example.com", "x", "x")
    assert message["From"] == sender
    assert message["Message-ID"].endswith("@example.com>")


def test_a_line_break_makes_no_second_header():
    with pytest.raises(ValueError):
        mail.message_to("ann@example.com\r\nBcc: all@example.com", "x", "x")
