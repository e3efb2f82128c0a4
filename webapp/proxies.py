"""What a trusted proxy says of the client: its address, and whether it came over HTTPS.

X-Forwarded-For and X-Forwarded-Proto, and Forwarded of RFC 7239, are lists to which each proxy adds at the right: what
stands further left may be anybody's. Nothing of them but an address that `ipaddress` has read goes any further.
"""

import logging
from collections.abc import Awaitable, Collection, Iterable
from operator import itemgetter

from starlette.types import ASGIApp, Receive, Scope, Send

from webapp import origins, settings
from webapp.addresses import Address, Network, address_in, is_within

FOR, PROTO, FORWARDED = b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"
OTHERS = (b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-server", b"x-forwarded-scheme", b"x-forwarded-ssl")
OF_PROXIES = frozenset({FOR, PROTO, FORWARDED, *OTHERS})
SECURE = ("https", "wss")
MAX_ENTRIES = 20
MAX_ENTRY = 500
NOT_BELIEVED = (
    "%s sends X-Forwarded-* or Forwarded headers, which are not believed: all who come through it seem to have its "
    "address. If it is your proxy, set FORWARDED_ALLOW_IPS to its address. This is said once."
)

log = logging.getLogger("latchkey")
name_of = itemgetter(0)


class Proxies:
    """Gives each request the client's address and scheme; the outermost middleware.

    Args:
        app: the application.
        trusted: the networks of the proxies that are believed; None for FORWARDED_ALLOW_IPS.
        public_url: the site's address, whose https:// holds whatever a proxy says; None for PUBLIC_URL.
    """

    def __init__(self, app: ASGIApp, trusted: Collection[Network] | None = None, public_url: str | None = None) -> None:
        self.app = app
        self.trusted = settings.FORWARDED_ALLOW_IPS if trusted is None else trusted
        self.is_https = origins.is_https(settings.PUBLIC_URL if public_url is None else public_url)
        self.has_warned = False

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            if self.is_https:
                scope["scheme"] = "https"
            if not OF_PROXIES.isdisjoint(map(name_of, scope["headers"])):
                self.read(scope)
        return self.app(scope, receive, send)

    def read(self, scope: Scope) -> None:
        """Take over what a trusted proxy says; of another's headers, warn once."""
        client = scope.get("client")
        peer = address_in(client[0]) if client else None
        if peer is None or not self.is_trusted(peer):
            self.warn(peer)
            return
        told: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            told.setdefault(name, []).append(value)
        forwarded = split_list(told.get(FORWARDED, ()))
        protos = split_list(told.get(PROTO, ())) + [read_parameter(entry, "proto") for entry in forwarded]
        if any(proto.strip('"').lower() in SECURE for proto in protos):
            scope["scheme"] = "https"
        hops = split_list(told[FOR]) if FOR in told else [read_parameter(entry, "for") for entry in forwarded]
        address = self.find_client(peer, hops)
        if address is not peer:
            scope["client"] = (str(address), 0)

    def find_client(self, peer: Address, hops: list[str]) -> Address:
        """Return the first address from the right that is no trusted proxy's, or the last before one cannot be read."""
        address = peer
        for hop in reversed(hops):
            found = address_in(hop) if self.is_trusted(address) else None
            if found is None:
                break
            address = found
        return address

    def is_trusted(self, address: Address) -> bool:
        """Return whether an address is one of the proxies that are believed."""
        return is_within(address, self.trusted)

    def warn(self, peer: Address | None) -> None:
        """Say once which setting to set, where everybody seems to come from the proxy's address."""
        if not self.has_warned:
            self.has_warned = True
            log.warning(NOT_BELIEVED, peer or "A peer without an address")


def split_list(values: Iterable[bytes]) -> list[str]:
    """Return the last entries of a header that is a list, of all its lines (RFC 9110 5.3, 5.6.1)."""
    found = b",".join(values).decode("latin-1").rsplit(",", MAX_ENTRIES)[-MAX_ENTRIES:]
    return [entry.strip(" \t") for entry in found if entry.strip(" \t")]


def read_parameter(entry: str, name: str) -> str:
    """Return a parameter of an entry of Forwarded, "" where it has none, or several, or cannot be told (RFC 7239 4)."""
    if len(entry) > MAX_ENTRY or "\\" in entry or entry.count('"') % 2:
        return ""
    pairs = (pair.partition("=") for pair in entry.split(";"))
    values = [value.strip(" \t") for found, _, value in pairs if found.strip(" \t").lower() == name]
    return values[0] if len(values) == 1 else ""
