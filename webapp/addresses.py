"""Read addresses, and tell which of them count as one client: an attacker has many."""

import functools
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_TEXT = 500

# IPv4 within IPv6: mapped (RFC 4291 2.5.5.2), translated (RFC 2765 2.1) and by NAT64 (RFC 6052 2.1); the last 32 bits.
HOLDS_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
# Everything that is not an address counts as one client: otherwise each new text would be a new client.
UNREADABLE = "unreadable"


@functools.lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """Return what all addresses of one client have in common: an IPv4 address, or the /64 of an IPv6 one.

    The /64 is the least that a provider gives, so one host alone has 2**64 addresses. A port, a zone, brackets and
    quotes do not count, and IPv4 within IPv6 (mapped, NAT64, 6to4, Teredo) counts as IPv4.
    """
    return network_of(address, 32, 64)


@functools.lru_cache(maxsize=4096)
def address_space(address: str) -> str:
    """Return what the addresses of one customer of a provider have in common: a /24 of IPv4, a /48 of IPv6."""
    return network_of(address, 24, 48)


def network_of(address: str, bits_of_ipv4: int, bits_of_ipv6: int) -> str:
    """Return the network of a length in bits that an address is in; a single address is written without the length."""
    read = address_in(address)
    if isinstance(read, IPv6Address):
        read = ipv4_within(read) or read
    if read is None:
        return UNREADABLE
    if isinstance(read, IPv4Address):
        return str(IPv4Network((int(read), bits_of_ipv4), strict=False)).removesuffix("/32")
    return str(IPv6Network((int(read), bits_of_ipv6), strict=False))


def address_in(text: str) -> Address | None:
    """Return the address in a text that may have quotes, brackets and a port; None where there is none.

    An IPv4 address that is written as an IPv6 one is an IPv4 address; an IPv6 zone, which may be any text, is dropped.
    """
    host, port = text.strip(" \t").strip('"')[:MAX_TEXT], ""
    if host.startswith("[") and "]" in host:
        host, _, port = host[1:].partition("]")
    elif host.count(":") == 1:
        host, port = host[: host.index(":")], host[host.index(":") :]
    if port and not (port[0] == ":" and port[1:].isdecimal()):
        return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def ipv4_within(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address of the host that has this IPv6 one by a transition mechanism, None where it is native."""
    if any(address in network for network in HOLDS_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.sixtofour


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether an address is in one of some networks."""
    return any(address in network for network in networks)
