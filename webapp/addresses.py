"""What two addresses have in common: attackers have one text each, and many of them."""

import functools
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IPv4 within IPv6: mapped (RFC 4291 2.5.5.2), translated (RFC 2765 2.1) and by NAT64 (RFC 6052 2.1); the last 32 bits.
HOLDS_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
# All that is no address counts as one: else each new text would be a new client.
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
    """Return what the addresses of one customer have in common at the most: a /24 of IPv4, a /48 of IPv6."""
    return network_of(address, 24, 48)


def network_of(address: str, bits_of_ipv4: int, bits_of_ipv6: int) -> str:
    """Return the network of so many bits that an address is in, without its length where that is the whole address."""
    read = read_address(address)
    if read is None:
        return UNREADABLE
    if isinstance(read, IPv4Address):
        return str(IPv4Network((int(read), bits_of_ipv4), strict=False)).removesuffix("/32")
    return str(IPv6Network((int(read), bits_of_ipv6), strict=False))


def read_address(address: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text as headers and sockets write it, None where there is none."""
    text = address.strip().strip('"').strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        read = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return ipv4_within(read) or read if isinstance(read, IPv6Address) else read


def ipv4_within(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address of the host that has this IPv6 one by a transition mechanism, None where it is native."""
    if any(address in network for network in HOLDS_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.sixtofour
