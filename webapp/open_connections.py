"""How many connections a worker holds, in all and of one peer, and which of them is closed when there are too many."""

import functools
import logging
from collections import OrderedDict
from collections.abc import Collection
from itertools import islice
from typing import Protocol

from webapp import descriptors, settings
from webapp.addresses import Network, address_in, address_key, is_within

log = logging.getLogger("latchkey")

# How many of the longest silent are searched for one that is not being answered, so that the cost is bounded.
MAX_LOOKS = 100


class Connection(Protocol):
    """What is needed of a connection."""

    def is_being_answered(self) -> bool:
        """Return whether the server works on a whole request of it, and the client reads."""

    def abort(self) -> None:
        """End it at once."""


Order = OrderedDict[Connection, str | None]


class OpenConnections:
    """The connections of a worker, in the order of the last answer, those that are the longest without one first.

    Bytes do not count, whole requests do: a head, a body or a reader that trickles is as silent as who sends nothing.
    A connection whose request is being answered is spared while there are others.

    Args:
        most: how many there may be.
        most_per_peer: how many of them one peer may have; an IPv6 network of /64 is one peer.
        proxies: peers that speak for others, and may have all.
    """

    def __init__(self, most: int, most_per_peer: int, proxies: Collection[Network]) -> None:
        self.most, self.most_per_peer, self.proxies = most, most_per_peer, proxies
        # Each with its peer, where that is counted.
        self.all: Order = OrderedDict()
        self.by_peer: dict[str, Order] = {}

    def add(self, connection: Connection, address: str) -> None:
        """Take a new connection, and close another if there are too many; the new one if all are being answered."""
        read = address_in(address)
        is_proxy = read is not None and is_within(read, self.proxies)
        peer = None if is_proxy else address_key(address)
        self.all[connection] = peer
        if peer is not None:
            of_peer = self.by_peer.setdefault(peer, OrderedDict())
            of_peer[connection] = peer
            if len(of_peer) > self.most_per_peer:
                log.warning("%s has more than %d connections; its longest silent are closed", peer, self.most_per_peer)
                self.close_one(of_peer, connection)
        if len(self.all) > self.most:
            log.warning("There are more than %d connections; the longest silent are closed", self.most)
            self.close_one(self.all, connection)

    def answered(self, connection: Connection) -> None:
        """Note that a connection has just been answered."""
        self.all.move_to_end(connection)
        peer = self.all[connection]
        if peer is not None:
            self.by_peer[peer].move_to_end(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection, if it is known."""
        peer = self.all.pop(connection, None)
        if peer is not None:
            del self.by_peer[peer][connection]
            if not self.by_peer[peer]:
                del self.by_peer[peer]

    def close_one(self, order: Order, newest: Connection) -> None:
        """Close the first that is not being answered, or else the newest."""
        for connection in list(islice(order, MAX_LOOKS)):
            if not connection.is_being_answered():
                break
            order.move_to_end(connection)  # where its answer will put it
        else:
            connection = newest
        self.remove(connection)
        connection.abort()


@functools.cache
def of_this_worker() -> OpenConnections:
    """Return the connections of this process, as many as the settings and the system allow."""
    most = min(settings.MAX_CONNECTIONS, descriptors.for_connections())
    most_per_peer = settings.MAX_CONNECTIONS_PER_PEER or max(most // 2, 1)
    return OpenConnections(most, min(most_per_peer, most), settings.FORWARDED_ALLOW_IPS)
