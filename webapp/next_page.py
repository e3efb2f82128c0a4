"""Where to go after a login: always a page of this site."""

from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request

from webapp.clients import Client, client_of

LONGEST = 2000


def is_local(path: str) -> bool:
    """Return whether a browser would stay on this site (ASVS 1.2.2, 3.7.2), at an address without a token (14.2.1)."""
    plain = path.isprintable() and len(path) <= LONGEST and "token=" not in unquote(path)
    return plain and path.startswith("/") and not path.startswith(("//", "/\\"))


def local_or_home(path: str) -> str:
    """Return the path where it is local, else home."""
    return path if is_local(path) else "/auth/home"


def wanted_page(request: Request) -> str | None:
    """Return the page that somebody who is not logged in wanted: for HTMX, the page that the fragment is for."""
    if client_of(request) is Client.HTMX:
        path = current_page(request)
    elif request.method == "GET":
        path = with_query(quote(request.scope["path"]), request.scope["query_string"].decode("latin-1"))
    else:
        path = ""
    return path if is_local(path) else None


def current_page(request: Request) -> str:
    """Return the path of HX-Current-URL, "" where that is another site's."""
    try:
        current = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        return ""
    return with_query(current.path, current.query) if current.netloc == request.headers.get("host") else ""


def with_query(path: str, query: str) -> str:
    """Return a path with its query, where it has one."""
    return f"{path}?{query}" if query else path


def login_page(request: Request) -> str:
    """Return the login page's address, which leads back to the page that was wanted."""
    wanted = wanted_page(request)
    return "/auth/login" if wanted in (None, "/") else f"/auth/login?next={quote(wanted or '', safe='/')}"
