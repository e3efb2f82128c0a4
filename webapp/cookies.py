"""The two cookies: the session, and a message carried over a redirect."""

import hashlib

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from webapp.auth.keys import PREVIOUS_KEYS, SIGNING_KEY

# Cookies know no ports: names that no other application on the same host uses.
SESSION, MESSAGE = "latchkey-session", "latchkey-message"
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


def cookie_in(conn: HTTPConnection, name: str) -> str | None:
    """Return the value of the first cookie of a name, as it was sent; None where there is none."""
    wanted = name.encode()
    for header, value in conn.scope["headers"]:
        if header == b"cookie" and wanted in value:
            for pair in value.split(b";"):
                found, _, content = pair.strip(b" \t").partition(b"=")
                if found == wanted:
                    return str(content, "latin-1")
    return None


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
    signed = cookie_in(conn, prefixed(conn, MESSAGE))
    if signed is None:
        return None
    try:
        return str(messages.loads(signed, max_age=MESSAGE_SECONDS))
    except BadData:
        return None
