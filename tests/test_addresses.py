"""An address is a key: what one client can write in many ways counts as one."""

import pytest

from webapp.addresses import UNREADABLE, address_key, address_space


@pytest.mark.parametrize(
    ("address", "key", "space"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.7:51234", "192.0.2.7", "192.0.2.0/24"),
        (' "192.0.2.7:51234" ', "192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.7%eth0", "192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("::FFFF:C000:0207", "192.0.2.7", "192.0.2.0/24"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7", "192.0.2.0/24"),
        ("::ffff:0:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("64:ff9b::192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("2002:c000:207::1", "192.0.2.7", "192.0.2.0/24"),
        ("2002:c000:207:ffff::1", "192.0.2.7", "192.0.2.0/24"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdf8", "192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:0db8:0001:0002:0000:0000:0000:0007", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("[2001:db8:1:2::7]:4711", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ('"[2001:db8:1:2::7]"', "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("[2001:db8:1:2::7%25en0]", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("fe80::2%anything at all", "fe80::/64", "fe80::/48"),
        ("::1", "::/64", "::/48"),
    ],
)
def test_one_client_has_one_key(address, key, space):
    assert (address_key(address), address_space(address)) == (key, space)


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "testclient", "/run/latchkey.sock", "192.0.2", "010.0.0.1", "3221225991", "0xC0000207",
     "1.2.3.4.5", "1.2.3.4, 5.6.7.8", "::ffff:999.0.0.1", "[", "[]", '"', ":", "%", "٣.٣.٣.٣", "\ud800", "\0", "x" * 45],
)  # fmt: skip
def test_what_is_no_address_is_one_key_together(text):
    assert address_key(text) == address_space(text) == UNREADABLE
