"""What a request's head must say beyond what the parser asks: one host, one way to tell where the body ends."""

import functools
import ipaddress
import re

MAX_HOST_BYTES = 300
# A comma, which RFC 3986 would allow, is left out: it joins two headers of one name.
HOST = re.compile(
    rb"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)(?::(?P<port>[0-9]{0,5}))?"
)
END_OF_HOST = re.compile(rb"[/?#]|$")
SCHEMES = {b"http", b"https"}
VERSIONS = {"1.0", "1.1"}
# The headers that are looked at here.
NOTED = frozenset({b"host", b"transfer-encoding", b"expect"})

Headers = list[tuple[bytes, bytes]]


class BadHead(Exception):
    """A head that the parser takes and HTTP does not, or one that is too large, with the status of its answer."""

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


def is_usual(version: str, target: bytes, noted: Headers) -> bool:
    """Return whether a head is like nearly all: HTTP/1.1, a path, one good Host, and nothing else that is noted."""
    return (
        len(noted) == 1
        and version == "1.1"
        and noted[0][0] == b"host"
        and is_host(noted[0][1])
        and target.startswith(b"/")
    )


def check(version: str, noted: Headers) -> None:
    """Look at a head that is not the usual one.

    Args:
        version: the version of HTTP, such as 1.1.
        noted: its headers of the names in NOTED.

    Raises:
        BadHead: it has no good Host or several (RFC 9112 3.2), or does not tell where its body ends (RFC 9112 6.1).
    """
    hosts = [value for name, value in noted if name == b"host"]
    codings = [value.lower() for name, value in noted if name == b"transfer-encoding"]
    if version not in VERSIONS or len(hosts) > 1 or not all(map(is_host, hosts)):
        raise BadHead
    if version == "1.1" and not hosts:
        raise BadHead
    if codings and (version == "1.0" or codings != [b"chunked"]):
        raise BadHead


def expects_100_continue(noted: Headers) -> bool:
    """Return whether the client waits to be asked for the body (RFC 9110 10.1.1)."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in noted)


def is_host(value: bytes) -> bool:
    """Return whether this is a host, or a host and a port, as RFC 3986 3.2 writes them."""
    return len(value) <= MAX_HOST_BYTES and is_well_formed(value)


@functools.lru_cache(maxsize=256)
def is_well_formed(value: bytes) -> bool:
    """Return whether a short text is a host; a site has few, and they come with every request."""
    found = HOST.fullmatch(value)
    if found is None or int(found["port"] or 0) > 65535:
        return False
    return found["ipv6"] is None or is_ipv6(found["ipv6"].decode())


def is_ipv6(text: str) -> bool:
    """Return whether this is an IPv6 address."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Return the host of a target in absolute form, which counts instead of the header, and its path (RFC 9112 3.2.2).

    Raises:
        BadHead: the target is of another form, or its host is none.
    """
    scheme, _, rest = target.partition(b"://")
    found = END_OF_HOST.search(rest)
    end = found.start() if found else 0
    host, path = rest[:end], rest[end:]
    if scheme.lower() not in SCHEMES or not is_host(host):
        raise BadHead
    return host, path if path.startswith(b"/") else b"/" + path
