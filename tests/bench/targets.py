"""What is measured: each contender started, logged in, and asked who one is."""

import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.bench import seed
from tests.bench.environments import ROOT, python_of
from tests.bench.servers import CONTENDERS, Server, serve_app, serve_latchkey

PASSWORD = {"password": seed.PASSWORD}
EMAIL = {"username": seed.email_of(0)}


@dataclass(frozen=True)
class Target:
    """A path of a running server, and the credential to ask it with."""

    name: str
    server: Server
    path: str
    headers: dict

    def answer(self):
        """Return the body of one answer."""
        return send(self.server, self.path, headers=self.headers)[0]

    def answered_headers(self):
        """Return the headers of one answer."""
        request = urllib.request.Request(self.server.address + self.path, headers=self.headers)  # noqa: S310  loopback
        with opener.open(request, timeout=10) as answer:
            return answer.headers.items()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to the caller, who wants its cookie."""

    def redirect_request(self, *arguments):
        return None


opener = urllib.request.build_opener(NoRedirects)


def send(server, path, *, body=None, headers=None):
    """Return the body of an answer and the cookie that it sets, if any."""
    request = urllib.request.Request(server.address + path, data=body, headers=headers or {})  # noqa: S310  loopback
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.read(), cookie_of(answer.headers)
    except urllib.error.HTTPError as answer:
        if answer.code == 303:
            return b"", cookie_of(answer.headers)
        raise SystemExit(f"{server.address}{path} answered {answer.code}") from None


def cookie_of(headers):
    """Return the cookies that an answer sets, ready to be sent back as a browser does."""
    return "; ".join(one.partition(";")[0] for one in headers.get_all("Set-Cookie", []))


def form(*fields):
    """Return the body of a form."""
    return urlencode({name: value for part in fields for name, value in part.items()}).encode()


def bearer(server, path):
    """Return the headers for a token got with a form."""
    answer, _ = send(server, path, body=form(EMAIL, PASSWORD))
    return {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}


def cookie(server, path, body, headers=None):
    """Return the headers for the cookie that a login sets."""
    _, found = send(server, path, body=body, headers=headers)
    return {"Cookie": found}


def bare(folder):
    """Start bare Starlette."""
    server = serve_app(python_of("latchkey"), "bare", "/api/me", folder)
    return Target("bare Starlette", server, "/api/me", {})


def bare_with_the_headers_of(target, folder):
    """Start bare Starlette whose answer has each header that a target's has, too."""
    adds_itself = {"date", "server", "connection", "content-length", "content-type"}
    headers = [header for header in target.answered_headers() if header[0].lower() not in adds_itself]
    server = serve_app(python_of("latchkey"), "bare", "/api/me", folder, {"BENCH_HEADERS": json.dumps(headers)})
    return Target("bare Starlette, same headers", server, "/api/me", {})


def fastapi_tutorial(folder):
    """Start FastAPI as in its tutorial."""
    server = serve_app(python_of("fastapi"), "fastapi_tutorial", "/users/me/", folder)
    return Target("FastAPI tutorial", server, "/users/me/", bearer(server, "/token"))


def fastapi_users(folder):
    """Start fastapi-users and register one user."""
    server = serve_app(python_of("fastapi-users"), "fastapi_users_cookie", "/me", folder)
    person = json.dumps({"email": seed.email_of(0), **PASSWORD}).encode()
    send(server, "/auth/register", body=person, headers={"Content-Type": "application/json"})
    return Target("fastapi-users", server, "/me", cookie(server, "/auth/jwt/login", form(EMAIL, PASSWORD)))


def litestar(folder):
    """Start Litestar with JWTCookieAuth."""
    server = serve_app(python_of("litestar"), "litestar_cookie", "/me", folder)
    return Target("Litestar", server, "/me", cookie(server, "/login", b""))


def django(folder):
    """Start Django after its migrations."""
    environment = {"BENCH_FOLDER": str(folder), "PATH": ""}
    subprocess.run([python_of("django"), CONTENDERS / "django_sessions.py"], env=environment, cwd=ROOT, check=True)
    server = serve_app(python_of("django"), "django_sessions", "/me", folder)
    return Target("Django sessions", server, "/me", cookie(server, "/login", form({"username": "ada"}, PASSWORD)))


PEERS = {"fastapi": fastapi_tutorial, "fastapi-users": fastapi_users, "litestar": litestar, "django": django}


def bare_pages(folder):
    """Start bare Starlette with Latchkey's templates; return its My Info and its login page."""
    server = serve_app(python_of("latchkey"), "bare_pages", "/auth/login", folder)
    return [Target(f"bare {path}", server, path, {}) for path in ("/admin/me", "/auth/login")]


def latchkey(folder: Path, people, ended, *, label="Latchkey", **options):
    """Start Latchkey before so many people and ended sign-ins; return `/api/me` by header and cookie, and two pages."""
    python, database = python_of("latchkey"), folder / f"{people}-{ended}" / "latchkey.db"
    if not database.exists():
        seed.fill(python, database, people, ended)
    server = serve_latchkey(python, database, **options)
    by_header = bearer(server, "/api/login")
    by_cookie = cookie(server, "/auth/token", form(EMAIL, PASSWORD), {"Accept": "text/html"})
    return [
        Target(f"{label}, header", server, "/api/me", by_header),
        Target(f"{label}, cookie", server, "/api/me", by_cookie),
        Target(f"{label}, /admin/me", server, "/admin/me", by_cookie),
        Target(f"{label}, /auth/login", server, "/auth/login", {}),
    ]
