"""Whether an address is this site's: its scheme, host and port are PUBLIC_URL's, or those that the request came to."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from webapp import settings

MAX_HOST = 253
DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def is_https(address: str) -> bool:
    """Return whether an address, in whatever case, is one of HTTPS."""
    return urlsplit(address).scheme == "https"


def is_own(scope: Scope, address: str) -> bool:
    """Return whether an address, or an Origin header, is this site's (RFC 6454 5, ASVS 3.5.1)."""
    origin = parse_origin(address)
    here = f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}"
    return origin is not None and origin in (parse_origin(settings.PUBLIC_URL), parse_origin(here))


def parse_origin(address: str) -> Origin | None:
    """Return the scheme, the host as the network knows it, and the port of an address; None where it has none."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
            return None
        if len(parts.hostname) > MAX_HOST:  # a long one would take long to write as the network does
            return None
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        return parts.scheme, parts.hostname.encode("idna").decode(), port
    except ValueError:
        return None
