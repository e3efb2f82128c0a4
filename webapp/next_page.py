"""Where to go after a login: always a page of this site."""

import re
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request

from webapp import origins
from webapp.clients import Client, client_of

LONGEST = 2000
END_OF_PATH = re.compile("[?#]")
TOKEN = re.compile("[?&]token=")


def is_local(address: str) -> bool:
    """Return whether an address is a path of this site, with or without a query, which stays one (ASVS 1.2.2, 3.7.2).

    With two slashes anywhere in its path, or a backslash, it could become another site's name once a browser has taken
    away what stands before, as `/.//`, or a script has taken it apart. With a token it would be kept where no token
    belongs (ASVS 14.2.1).
    """
    if len(address) > LONGEST or not address.isprintable() or TOKEN.search(unquote(address)):
        return False
    path = END_OF_PATH.split(address, maxsplit=1)[0]
    return path.startswith("/") and "//" not in path and "\\" not in path and unquote(path).isprintable()


def local_or_home(address: str) -> str:
    """Return the address where it is local, else home."""
    return address if is_local(address) else "/auth/home"


def wanted_page(request: Request) -> str | None:
    """Return the page that somebody who is not logged in wanted: for HTMX, the page that the fragment is for."""
    if client_of(request) is Client.HTMX:
        path = current_page(request)
    elif request.method in ("GET", "HEAD") and len(request.scope["path"]) <= LONGEST:
        path = with_query(quote(request.scope["path"]), request.scope["query_string"].decode("latin-1"))
    else:
        path = ""
    return path if is_local(path) else None


def current_page(request: Request) -> str:
    """Return the path of HX-Current-URL, "" where that is another site's."""
    address = request.headers.get("hx-current-url", "")[: 2 * LONGEST]
    try:
        current = urlsplit(address)
    except ValueError:
        return ""
    is_here = current.netloc == request.headers.get("host") or origins.is_own(request.scope, address)
    return with_query(current.path, current.query) if is_here else ""


def with_query(path: str, query: str) -> str:
    """Return a path with its query, where it has one."""
    return f"{path}?{query}" if query else path


def login_page(request: Request) -> str:
    """Return the login page's address, which leads back to the page that was wanted."""
    wanted = wanted_page(request)
    return "/auth/login" if wanted in (None, "/") else f"/auth/login?next={quote(wanted or '', safe='/')}"
