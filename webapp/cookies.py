"""The two cookies: the session, and a message carried over a redirect."""

import contextlib
import hashlib

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from webapp.auth.keys import PREVIOUS_KEYS, SIGNING_KEY

# Cookies know no ports: names that no other application on the same host uses.
SESSION, MESSAGE = "latchkey-session", "latchkey-message"
START, SECURE_START = f"{SESSION}=".encode(), f"__Host-{SESSION}=".encode()
MAX_OF_ONE_NAME = 5
MAX_COOKIES = 500
MESSAGE_SECONDS = 60
# So long after its token's end the browser still says whose session it was, so that a page that was left open on
# Friday goes on in place on Monday.
KEPT_EXPIRED_SECONDS = 7 * 86400

messages = URLSafeTimedSerializer(
    [*PREVIOUS_KEYS, SIGNING_KEY], salt="latchkey.message", signer_kwargs={"digest_method": hashlib.sha256}
)


def prefixed(conn: HTTPConnection, name: str) -> str:
    """Return a cookie's name: over HTTPS one that no other host can set (RFC 6265bis 4.1.3.2, ASVS 3.3.3)."""
    return f"__Host-{name}" if conn.scope["scheme"] == "https" else name


def session_cookie(conn: HTTPConnection) -> str:
    """Return the name of the session cookie."""
    return prefixed(conn, SESSION)


def read_session_tokens(conn: HTTPConnection, cookie_headers: list[bytes]) -> list[str]:
    """Return the values of the session cookies in a request's Cookie headers, at most MAX_OF_ONE_NAME."""
    return read_values(SECURE_START if conn.scope["scheme"] == "https" else START, cookie_headers)


def read_values(start: bytes, cookie_headers: list[bytes]) -> list[str]:
    """Return the values of the cookies of one name, as they were sent; `start` is the name and `=`.

    Applications on the same host, and other paths, may have set cookies of that name too (RFC 6265 5.4).
    """
    values: list[str] = []
    for pair in b";".join(cookie_headers).split(b";", MAX_COOKIES):
        plain = pair.strip(b" \t")
        if plain.startswith(start):
            values.append(str(plain[len(start) :], "latin-1"))
    return values[:MAX_OF_ONE_NAME]


def read_cookies(conn: HTTPConnection, name: str) -> list[str]:
    """Return the values of the cookies of a name, as they were sent, at most MAX_OF_ONE_NAME."""
    return read_values(f"{name}=".encode(), [value for header, value in conn.scope["headers"] if header == b"cookie"])


def set_cookie(response: Response, conn: HTTPConnection, name: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not send (ASVS 3.3.1 to 3.3.4)."""
    response.set_cookie(
        prefixed(conn, name),
        value,
        max_age=seconds,
        path="/",
        secure=conn.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )


def set_session(response: Response, conn: HTTPConnection, token: str, seconds: int) -> None:
    """Keep a token in the browser for as long as it is good, and a week longer as the sign of whose it was."""
    set_cookie(response, conn, SESSION, token, seconds + KEPT_EXPIRED_SECONDS)


def remove_session(response: Response, conn: HTTPConnection) -> None:
    """Remove the token from the browser."""
    set_cookie(response, conn, SESSION, "", 0)


def set_message(response: Response, conn: HTTPConnection, text: str) -> None:
    """Leave a message for the next page that the browser opens."""
    set_cookie(response, conn, MESSAGE, str(messages.dumps(text)), MESSAGE_SECONDS)


def remove_message(response: Response, conn: HTTPConnection) -> None:
    """Remove a message that has been shown."""
    set_cookie(response, conn, MESSAGE, "", 0)


def message_in(conn: HTTPConnection) -> str | None:
    """Return the message that an earlier answer left, where it is ours and less than a minute old."""
    for signed in read_cookies(conn, prefixed(conn, MESSAGE)):
        with contextlib.suppress(BadData):
            return str(messages.loads(signed, max_age=MESSAGE_SECONDS))
    return None
