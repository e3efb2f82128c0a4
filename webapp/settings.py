"""Every setting, typed: read from settings.ini, overridden by the environment."""

import re
import sys
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from databases import DatabaseURL
from starlette.config import Config
from starlette.datastructures import Secret

from webapp.addresses import Network

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "settings.ini"

# Nothing but scheme, host and port: what browsers send is compared with it, and links begin with it.
SITE = re.compile(r"https?://(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?/*", re.IGNORECASE)

Value = TypeVar("Value")


def refuse(sentence: str) -> NoReturn:
    """End the program with exit status 2 and one line that says what to mend."""
    print(f"Latchkey: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def read(file: Path) -> Config:
    """Return the file's settings, after a look at each of its lines."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{file.name} cannot be read ({type(error).__name__}); it must be a text file in UTF-8")
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#") and "=" not in line:
            refuse(f"{file.name} line {number} is not `KEY = value`")
    return Config(file)


config = read(FILE)
names: set[str] = set()


def setting(name: str, cast: Callable[[str], Value], rule: str) -> Value:
    """Return one setting, or end the program with the rule that its value breaks."""
    names.add(name)
    try:
        value: Any = config(name, cast=cast)
    except KeyError:
        refuse(f"{FILE.name} has no line for {name}: {rule}")
    except ValueError:
        refuse(f"the setting {name} must be {rule}")
    return value  # type: ignore[no-any-return]


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a cast to a whole number between two bounds."""

    def cast(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return cast


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a cast that takes one of these words."""

    def cast(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return cast


def filled(text: str) -> str:
    """Return the text, which must not be empty."""
    if not text:
        raise ValueError("empty")
    return text


def name_of_ours(text: str) -> str:
    """Return a name that every token carries."""
    if not 1 <= len(text) <= 200 or not text.isprintable():
        raise ValueError(text)
    return text


def listed(text: str) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def networks(text: str) -> tuple[Network, ...]:
    """Return networks, of which an address is the smallest; one of IPv4 addresses written as IPv6 is one of IPv4."""
    if "%" in text:
        raise ValueError("a zone")
    return tuple(unmap(ip_network(part)) for part in listed(text))


def unmap(network: Network) -> Network:
    """Return a network in its own family."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return network if mapped is None else ip_network(f"{mapped}/{network.prefixlen - 96}")


def host(text: str) -> str:
    """Return a host's address or name, which can be looked up."""
    filled(text).encode("idna")
    return text


def database_url(text: str) -> DatabaseURL:
    """Return where the database is; a relative SQLite path starts at the project's folder."""
    url = DatabaseURL(text)
    if url.dialect in ("postgresql", "mysql", "mariadb") and url.hostname and url.database:
        return url
    if url.dialect != "sqlite" or not url.database or ":memory:" in url.database or not url.database.isprintable():
        raise ValueError(text)
    return url.replace(database=str(ROOT / url.database))


def site(text: str) -> str:
    """Return the address at which people open this site, without a slash at its end; "" where none is given."""
    if not text:
        return ""
    parts = urlsplit(text)
    if not SITE.fullmatch(text) or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    host(parts.hostname)
    return text.rstrip("/")


def mail_server(text: str) -> Secret:
    """Return where the mail server is, with the password for it; empty where there is none."""
    parts = urlsplit(text)
    known = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.query in ("", "tls=none")
    if text and (not known or parts.path.strip("/") or parts.port == 0):
        raise ValueError(text)
    return Secret(text)


def sender(text: str) -> str:
    """Return whom mails are from: an email, which may have a name before it; "" where none is given."""
    local_part, _, domain = parseaddr(text)[1].rpartition("@")
    if text and not (local_part and domain and text.isprintable()):
        raise ValueError(text)
    return text


SECONDS = "a whole number of seconds from 1 to 31536000"
COUNT = "a whole number from 1 to 1000000"
PROXIES = "addresses or networks of proxies separated by commas, such as 127.0.0.1, 10.0.0.0/8, or empty"

HOST = setting("HOST", host, "an address of this machine, such as 127.0.0.1")
PORT = setting("PORT", whole(0, 65535), "a whole number from 0 to 65535")
PUBLIC_URL = setting("PUBLIC_URL", site, "an address without a path, such as https://latchkey.example.com, or empty")
WORKERS = setting("WORKERS", whole(1, 64), "a whole number from 1 to 64")
DATABASE_URL = setting(
    "DATABASE_URL",
    database_url,
    "an SQLite file, such as sqlite:///.data/latchkey.db, or a server, such as postgresql://user@host/name",
)
DATABASE_POOL_SIZE = setting("DATABASE_POOL_SIZE", whole(2, 1000), "a whole number from 2 to 1000")
DATABASE_TIMEOUT_SECONDS = setting("DATABASE_TIMEOUT_SECONDS", whole(1, 60), "a whole number of seconds from 1 to 60")
SECRET_KEY = setting("SECRET_KEY", Secret, "a text of at least 32 characters, or empty")
PREVIOUS_SECRET_KEYS = setting("PREVIOUS_SECRET_KEYS", listed, "keys separated by commas, or empty")
SECRET_KEY_FILE = ROOT / setting("SECRET_KEY_FILE", filled, "a path")
ALGORITHM = setting("ALGORITHM", one_of("HS256", "HS384", "HS512"), "HS256, HS384 or HS512")
TOKEN_ISSUER = setting("TOKEN_ISSUER", name_of_ours, "a name of 1 to 200 characters")
TOKEN_AUDIENCE = setting("TOKEN_AUDIENCE", name_of_ours, "a name of 1 to 200 characters")
ACCESS_TOKEN_EXPIRE_SECONDS = setting("ACCESS_TOKEN_EXPIRE_SECONDS", whole(1, 31536000), SECONDS)
SIGN_IN_MAX_SECONDS = setting("SIGN_IN_MAX_SECONDS", whole(1, 31536000), SECONDS)
STALE_AFTER_SECONDS = setting("STALE_AFTER_SECONDS", whole(1, 3600), "a whole number of seconds from 1 to 3600")
BCRYPT_ROUNDS = setting("BCRYPT_ROUNDS", whole(4, 31), "a whole number from 4 to 31")
NON_ASCII_EMAILS = setting("NON_ASCII_EMAILS", bool, "true or false")
PASSWORD_MIN_LENGTH = setting("PASSWORD_MIN_LENGTH", whole(8, 64), "a whole number from 8 to 64")
LINK_MAX_SECONDS = setting("LINK_MAX_SECONDS", whole(60, 604800), "a whole number of seconds from 60 to 604800")
MAILED_LINK_SECONDS = setting("MAILED_LINK_SECONDS", whole(60, 86400), "a whole number of seconds from 60 to 86400")
INVITATION_SECONDS = setting("INVITATION_SECONDS", whole(60, 2592000), "a whole number of seconds from 60 to 2592000")
SMTP_URL = setting(
    "SMTP_URL",
    mail_server,
    "smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465 (TLS), "
    "smtp://host:25?tls=none (without any), or empty",
)
MAIL_FROM = setting("MAIL_FROM", sender, "an email address, such as latchkey@example.com, or empty")
THROTTLE_WINDOW_SECONDS = setting(
    "THROTTLE_WINDOW_SECONDS", whole(1, 86400), "a whole number of seconds from 1 to 86400"
)
THROTTLE_PAIR_FAILURES = setting("THROTTLE_PAIR_FAILURES", whole(1, 10**6), COUNT)
THROTTLE_ADDRESS_FAILURES = setting("THROTTLE_ADDRESS_FAILURES", whole(1, 10**6), COUNT)
THROTTLE_EMAIL_FAILURES = setting("THROTTLE_EMAIL_FAILURES", whole(1, 10**6), COUNT)
THROTTLE_SPACE_FAILURES = setting("THROTTLE_SPACE_FAILURES", whole(1, 10**6), COUNT)
THROTTLE_COLLEAGUE_FAILURES = setting("THROTTLE_COLLEAGUE_FAILURES", whole(0, 1000), "a whole number from 0 to 1000")
THROTTLE_PASSWORD_EMAILS = setting("THROTTLE_PASSWORD_EMAILS", whole(1, 10**6), COUNT)
THROTTLE_MAILS_PER_DAY = setting("THROTTLE_MAILS_PER_DAY", whole(1, 10**6), COUNT)
KNOWN_BROWSER_DAYS = setting("KNOWN_BROWSER_DAYS", whole(1, 400), "a whole number of days from 1 to 400")
ATTEMPTS_KEEP_DAYS = setting("ATTEMPTS_KEEP_DAYS", whole(1, 36500), "a whole number of days from 1 to 36500")
MAX_BODY_BYTES = setting("MAX_BODY_BYTES", whole(1024, 2**30), "a whole number of bytes from 1024")
BODY_TIMEOUT_SECONDS = setting("BODY_TIMEOUT_SECONDS", whole(1, 3600), "a whole number of seconds from 1 to 3600")
MAX_CONNECTIONS = setting("MAX_CONNECTIONS", whole(1, 10**6), COUNT)
MAX_CONNECTIONS_PER_PEER = setting(
    "MAX_CONNECTIONS_PER_PEER", whole(0, 10**6), "a whole number from 1 to 1000000, or 0 for half of MAX_CONNECTIONS"
)
FORWARDED_ALLOW_IPS = setting("FORWARDED_ALLOW_IPS", networks, PROXIES)
LOG_LEVEL = setting(
    "LOG_LEVEL", one_of("debug", "info", "warning", "error", "critical"), "debug, info, warning, error or critical"
)
ACCESS_LOG = setting("ACCESS_LOG", bool, "true or false")

if SMTP_URL and not MAIL_FROM:
    refuse("the setting MAIL_FROM must be an email address where SMTP_URL names a mail server")
for name in config.file_values:
    if name not in names:
        refuse(f"{FILE.name} has a line for {name}, which is not a setting; mend its name or remove it")
