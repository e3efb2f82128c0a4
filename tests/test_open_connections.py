"""Which connection is closed when there are too many: who is silent makes room, who is being served stays."""

import time
from ipaddress import ip_network

import pytest

from tests.conftest import skip_if_traced
from webapp import descriptors, open_connections, settings
from webapp.open_connections import MAX_LOOKS, OpenConnections

MOST, MOST_PER_PEER = 6, 3


class Client:
    """A connection that remembers whether it was closed."""

    def __init__(self):
        self.is_busy = self.is_closed = False

    def is_being_answered(self):
        return self.is_busy

    def abort(self):
        self.is_closed = True


@pytest.fixture
def open_ones():
    return OpenConnections(MOST, MOST_PER_PEER, [ip_network("10.0.0.1")])


def joined(open_ones, addresses):
    """Return new connections from these addresses."""
    clients = [Client() for _ in addresses]
    for client, address in zip(clients, addresses, strict=True):
        open_ones.add(client, address)
    return clients


def closed(clients):
    """Return which of them are closed."""
    return [number for number, client in enumerate(clients) if client.is_closed]


def different(count):
    """Return the addresses of `count` different peers."""
    return [f"192.0.2.{number}" for number in range(count)]


def test_the_longest_silent_makes_room_whoever_it_is(open_ones):
    clients = joined(open_ones, different(MOST))
    assert closed(clients) == []
    open_ones.answered(clients[0])
    clients += joined(open_ones, ["198.51.100.1", "198.51.100.2"])
    assert closed(clients) == [1, 2]
    assert len(open_ones.all) == MOST


def test_who_is_being_answered_is_spared(open_ones):
    clients = joined(open_ones, different(MOST))
    clients[0].is_busy = clients[1].is_busy = True
    clients += joined(open_ones, different(2))
    assert closed(clients) == [2, 3]
    clients[0].is_busy = clients[1].is_busy = False
    open_ones.answered(clients[0])
    clients += joined(open_ones, different(2))
    assert closed(clients) == [2, 3, 4, 5]


@pytest.mark.parametrize("most", [MOST, 3 * MAX_LOOKS])
def test_where_all_are_being_answered_the_newest_has_no_place(most):
    open_ones = OpenConnections(most, most, [])
    clients = joined(open_ones, different(most))
    for client in clients:
        client.is_busy = True
    (newest,) = joined(open_ones, ["198.51.100.1"])
    assert newest.is_closed
    assert closed(clients) == []


def test_a_peer_has_a_part_of_all_and_closes_its_own(open_ones):
    clients = joined(open_ones, ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.2"])
    open_ones.answered(clients[1])
    clients += joined(open_ones, ["192.0.2.2"] * 2)
    assert closed(clients) == [2, 3]


@pytest.mark.parametrize(
    "same", [["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"], ["192.0.2.1", "::ffff:192.0.2.1"]]
)
def test_many_addresses_of_one_client_are_one_peer(open_ones, same):
    clients = joined(open_ones, [same[number % len(same)] for number in range(MOST_PER_PEER + 1)])
    assert closed(clients) == [0]


def test_a_proxy_may_have_all(open_ones):
    clients = joined(open_ones, ["10.0.0.1"] * MOST)
    assert closed(clients) == []
    clients += joined(open_ones, ["10.0.0.1"])
    assert closed(clients) == [0]


def test_nothing_is_kept_of_who_has_gone(open_ones):
    clients = joined(open_ones, [*different(3), "10.0.0.1", "", "nonsense"])
    for client in clients:
        open_ones.remove(client)
        open_ones.remove(client)
    assert not open_ones.all
    assert not open_ones.by_peer


def test_a_new_connection_costs_the_same_however_many_there_are():
    skip_if_traced()

    def cost(most):
        open_ones = OpenConnections(most, most, [])
        joined(open_ones, different(256) * (most // 256))
        began = time.thread_time()
        joined(open_ones, different(256))
        return time.thread_time() - began

    assert min(cost(10_240) for _ in range(5)) < 5 * min(cost(256) for _ in range(5))


@pytest.fixture
def limited(monkeypatch):
    """Set how many files may be open."""

    def limit(count):
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (count, count))

    return limit


@pytest.mark.parametrize(("limit", "most"), [(20_000, 1000), (256, 188), (64, 16), (1, 1), (-1, 1000)])
def test_the_limit_of_open_files_leaves_room_for_the_database(limited, monkeypatch, limit, most):
    monkeypatch.setattr(settings, "DATABASE_POOL_SIZE", 5)
    limited(limit)
    found = open_connections.of_this_worker.__wrapped__()
    assert (found.most, found.most_per_peer) == (most, max(most // 2, 1))


def test_the_part_of_a_peer_is_a_setting(monkeypatch):
    monkeypatch.setattr(settings, "MAX_CONNECTIONS_PER_PEER", 7)
    assert open_connections.of_this_worker.__wrapped__().most_per_peer == 7


def test_the_limit_is_raised_as_far_as_it_goes(monkeypatch):
    limits = []
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (64, 4096))
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda _, both: limits.append(both))
    descriptors.raise_limit()
    assert limits == [(4096, 4096)]
