"""From a request's credential to its user: the backend of Starlette's AuthenticationMiddleware."""

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, UnauthenticatedUser
from starlette.requests import HTTPConnection

from webapp.auth import signins
from webapp.auth.held import SignIn
from webapp.auth.tokens import Claims, TokenError, TokenExpired, read_signed_claims, read_token
from webapp.cookies import read_session_tokens
from webapp.database import Unavailable

Living = tuple[SignIn, Claims]

# Why a credential proves nothing; of several cookies' problems the first here is told.
PROBLEMS = ("unknown", "expired", "ended", "misplaced", "invalid")
# What may follow the word Bearer; only spaces may part it from a good token (RFC 9110 11.4).
BEFORE_TOKEN = (b" ", b"\t", b"")
TWO_BEARERS = [""]


class Credentials(AuthCredentials):
    """`request.auth`: the scopes, and what the credential was.

    Attributes:
        tokens: the Bearer header's token, or those of the session cookies.
        by_cookie: whether they came, or would have come, in the cookie.
        sign_in: the living sign-in, or None for an anonymous request.
        problem: why the tokens prove nothing; None where there is no such trouble:
            "unknown": the database that knows cannot be reached;
            "expired": one was good once; "ended": its sign-in has ended;
            "misplaced": a program's token in the cookie, where only a browser's counts (ASVS 9.2.2);
            "invalid": we did not sign it, it is from the future, or two belong to different people.
        expired: what a token said that was good once; None where there is none.
        renewable: whether the cookie's token is past half its life, and its sign-in goes on beyond it.
    """

    def __init__(self, tokens: list[str], by_cookie: bool) -> None:
        self.scopes: list[str] = []
        self.tokens = tokens
        self.by_cookie = by_cookie
        self.sign_in: SignIn | None = None
        self.problem: str | None = None
        self.expired: Claims | None = None
        self.renewable = False

    @property
    def signed(self) -> list[Claims]:
        """What the tokens say that we have signed, in their time or not."""
        return [claims for token in self.tokens if (claims := read_signed_claims(token)) is not None]

    def refuse(self, problem: str) -> None:
        """Keep a problem, unless there is a weightier one."""
        if self.problem is None or PROBLEMS.index(problem) < PROBLEMS.index(self.problem):
            self.problem = problem

    def expire(self, claims: Claims) -> None:
        """Keep what the token says that was good last."""
        self.refuse("expired")
        if self.expired is None or self.expired.expires < claims.expires:
            self.expired = claims

    def accept(self, sign_in: SignIn, claims: Claims) -> None:
        """Let a living sign-in ask."""
        self.scopes = list(sign_in.scopes)
        self.sign_in = sign_in
        self.problem = None
        self.renewable = self.by_cookie and is_renewable(claims, sign_in)


class JWTBackend(AuthenticationBackend):
    """Reads the header's or the cookies' tokens and finds the living sign-in that they name (RFC 6750)."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        tokens, by_cookie = find_tokens(conn)
        auth = Credentials(tokens, by_cookie)
        living: list[Living] = []
        for token in tokens:
            try:
                claims = read_token(token)
                sign_in = await signins.living(claims)
            except TokenExpired as error:
                auth.expire(error.claims)
            except TokenError:
                auth.refuse("invalid")
            except Unavailable:
                auth.refuse("unknown")
            else:
                if sign_in is None:
                    auth.refuse("ended")
                elif by_cookie and sign_in.kind != "browser":
                    auth.refuse("misplaced")
                else:
                    living.append((sign_in, claims))
        chosen = living[0] if len(living) == 1 else choose_youngest(living)
        if chosen is None:
            auth.problem = "invalid" if living else auth.problem
            return auth, UnauthenticatedUser()
        auth.accept(*chosen)
        return auth, chosen[0].employee


def choose_youngest(living: list[Living]) -> Living | None:
    """Return the youngest token of one person; None where there are two people: nobody acts as another."""
    if len({sign_in.employee.emp_no for sign_in, _ in living}) != 1:
        return None
    return max(living, key=lambda found: found[1].issued)


def is_renewable(claims: Claims, sign_in: SignIn) -> bool:
    """Return whether a token is past half its life and its sign-in goes on beyond it."""
    return sign_in.used >= (claims.issued + claims.expires) / 2 and claims.expires < int(sign_in.ends)


def find_tokens(conn: HTTPConnection) -> tuple[list[str], bool]:
    """Return the tokens that may count, and whether they come, or would come, in the cookie.

    A Bearer header alone decides, so that a bad one never falls back to the cookie. Another scheme is not ours and
    says nothing: a proxy may ask for it and pass it on.
    """
    bearers: list[str] = []
    cookie_headers: list[bytes] = []
    for name, value in conn.scope["headers"]:
        if name == b"cookie":
            cookie_headers.append(value)
        elif name == b"authorization" and value[:6].lower() == b"bearer" and value[6:7] in BEFORE_TOKEN:
            bearers.append(str(value[6:].strip(b" "), "latin-1"))
    if bearers:
        return (bearers if len(bearers) == 1 else TWO_BEARERS), False
    return read_session_tokens(conn, cookie_headers), True
