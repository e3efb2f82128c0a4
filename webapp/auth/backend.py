"""From a request's credential to its user: the backend of Starlette's AuthenticationMiddleware."""

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, UnauthenticatedUser
from starlette.requests import HTTPConnection

from webapp.auth import signins
from webapp.auth.held import SignIn
from webapp.auth.tokens import Claims, TokenError, TokenExpired, read_token
from webapp.cookies import cookie_in, session_cookie
from webapp.database import Unavailable


class Credentials(AuthCredentials):
    """`request.auth`: the scopes, and what the credential was.

    Attributes:
        sign_in: the living sign-in, or None for an anonymous request.
        problem: why a credential proves nothing: "invalid", "expired", "ended", or "unknown" where the database
            that knows cannot be reached; None where there is no such trouble.
        expired: what a token said that was good once; None where there is none.
        renewable: whether the cookie's token is past half its life, and its sign-in goes on beyond it.
        by_cookie: whether the credential came, or would have come, in the cookie.
    """

    def __init__(self, by_cookie: bool) -> None:
        self.scopes: list[str] = []
        self.by_cookie = by_cookie
        self.sign_in: SignIn | None = None
        self.problem: str | None = None
        self.expired: Claims | None = None
        self.renewable = False


class JWTBackend(AuthenticationBackend):
    """Reads the header's or the cookie's token and finds the living sign-in that it names (RFC 6750)."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        credential, by_cookie = credential_of(conn)
        auth = Credentials(by_cookie)
        if credential is None:
            return auth, UnauthenticatedUser()
        try:
            claims = read_token(credential)
            sign_in = await signins.living(claims)
        except TokenExpired as error:
            auth.problem, auth.expired = "expired", error.claims
        except TokenError:
            auth.problem = "invalid"
        except Unavailable:
            auth.problem = "unknown"
        else:
            if sign_in is not None:
                auth.scopes = list(sign_in.scopes)
                auth.sign_in = sign_in
                auth.renewable = by_cookie and is_renewable(claims, sign_in)
                return auth, sign_in.employee
            auth.problem = "ended"
        return auth, UnauthenticatedUser()


def is_renewable(claims: Claims, sign_in: SignIn) -> bool:
    """Return whether a token is past half its life and its sign-in goes on beyond it."""
    return sign_in.used >= (claims.issued + claims.expires) / 2 and claims.expires < int(sign_in.ends)


def credential_of(conn: HTTPConnection) -> tuple[str | None, bool]:
    """Return the credential, "" where it is none that we know, None where there is none; and if the cookie decides.

    An Authorization header alone decides, so that a bad one never falls back to the cookie.
    """
    authorizations = [value for name, value in conn.scope["headers"] if name == b"authorization"]
    if authorizations:
        return bearer(authorizations), False
    return cookie_in(conn, session_cookie(conn)), True


def bearer(authorizations: list[bytes]) -> str:
    """Return the token of the one Authorization header, "" where it carries none."""
    scheme, _, token = authorizations[0].partition(b" ")
    return str(token, "latin-1") if len(authorizations) == 1 and scheme.lower() == b"bearer" else ""
