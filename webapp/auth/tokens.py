"""Create and read the JSON Web Tokens that name a sign-in (RFC 7519, RFC 9068)."""

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

import jwt

from webapp import clock, settings
from webapp.auth.keys import KEYS, SIGNING_KEY, SIGNING_KEY_ID

TYPE = "at+jwt"
LONGEST = 4096
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
SUBJECT = re.compile(r"[1-9][0-9]{0,9}")
SIGN_IN_ID = re.compile(r"[A-Za-z0-9_-]{22}")
REQUIRED = {"iss", "aud", "sub", "sid", "iat", "exp"}
CLOCKS_DIFFER_SECONDS = 5
LATEST = 2**33
TOKENS_REMEMBERED = 20_000


class TokenError(Exception):
    """A token that proves nothing."""


class TokenExpired(TokenError):
    """A token that once was good, with what it said."""

    def __init__(self, claims: "Claims") -> None:
        super().__init__()
        self.claims = claims


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says: whose it is, of which sign-in, and from when to when, in whole seconds."""

    emp_no: int
    sid: str
    issued: int
    expires: int


def create_token(emp_no: int, sid: str, scopes: tuple[str, ...], expires: int) -> str:
    """Return a signed token for one sign-in.

    Args:
        emp_no: the subject.
        sid: the sign-in's id.
        scopes: what the employee may do; information for the client, the server asks the employee's record.
        expires: when the token ends, in seconds since 1970.
    """
    claims = {
        "iss": settings.TOKEN_ISSUER,
        "aud": settings.TOKEN_AUDIENCE,
        "sub": str(emp_no),
        "sid": sid,
        "iat": int(clock.now()),
        "exp": expires,
        "scopes": list(scopes),
    }
    return jwt.encode(claims, SIGNING_KEY, settings.ALGORITHM, headers={"typ": TYPE, "kid": SIGNING_KEY_ID})


def read_token(token: str) -> Claims:
    """Return a token's claims.

    Raises:
        TokenExpired: it was good until its `exp`.
        TokenError: anything else is wrong with it, or it is from the future (RFC 8725, ASVS 9.1.1 to 9.2.3).
    """
    claims = verified(token)
    now = clock.now()
    if claims.expires <= now:
        raise TokenExpired(claims)
    if claims.issued > now + CLOCKS_DIFFER_SECONDS:
        raise TokenError
    return claims


def read_signed_claims(token: str) -> Claims | None:
    """Return what a token says that we have signed, in its time or not; None where we have not."""
    try:
        return verified(token)
    except TokenError:
        return None


@functools.lru_cache(maxsize=TOKENS_REMEMBERED)
def verified(token: str) -> Claims:
    """Return the claims of a rightly signed token; one that is not is never remembered."""
    if len(token) > LONGEST or not SHAPE.fullmatch(token):
        raise TokenError
    try:
        return checked_claims(checked_payload(token))
    except Exception as error:  # a hostile token may fail in any way inside; it is one thing to us
        raise TokenError from error


def checked_payload(token: str) -> dict[str, Any]:
    """Return the payload of a token whose header and signature are ours."""
    header, payload, _ = (canonical(part) for part in token.split("."))
    fields = json_object(header)
    if fields.keys() != {"alg", "typ", "kid"} or fields["typ"] != TYPE or fields["alg"] != settings.ALGORITHM:
        raise TokenError
    jwt.decode(
        token,
        KEYS[fields["kid"]],
        algorithms=[settings.ALGORITHM],
        issuer=settings.TOKEN_ISSUER,
        audience=settings.TOKEN_AUDIENCE,
        options={
            "require": sorted(REQUIRED),
            "strict_aud": True,
            "verify_exp": False,
            "verify_iat": False,
        },
    )
    return json_object(payload)


def canonical(part: str) -> bytes:
    """Return the bytes of a base64url part, which must be written in the one way that RFC 7515 2 has."""
    decoded = jwt.utils.base64url_decode(part)
    if jwt.utils.base64url_encode(decoded).decode() != part:
        raise TokenError
    return decoded


def json_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object in UTF-8 that names no member twice and has no number but JSON's."""
    found = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    if not isinstance(found, dict):
        raise TokenError
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object, none of them named twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise TokenError
    return members


def refuse(constant: str) -> None:
    """Refuse NaN and the infinities."""
    raise TokenError


def checked_claims(claims: dict[str, Any]) -> Claims:
    """Return claims whose names, types and times are exactly those of our own tokens."""
    if not claims.keys() - {"scopes"} == REQUIRED:
        raise TokenError
    subject, sid, issued, expires = claims["sub"], claims["sid"], claims["iat"], claims["exp"]
    if not SUBJECT.fullmatch(subject) or not SIGN_IN_ID.fullmatch(sid):
        raise TokenError
    if type(issued) is not int or type(expires) is not int or not 0 < issued < expires < LATEST:
        raise TokenError
    scopes = claims.get("scopes", [])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise TokenError
    return Claims(int(subject), sid, issued, expires)
