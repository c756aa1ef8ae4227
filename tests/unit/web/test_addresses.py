"""The client's address, whatever stands in front of the server."""

import pytest

from idp.web.addresses import find_address, network_of

PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("198.51.100.7", [], (), "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], (), "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], PROXIES, "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], PROXIES, "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], PROXIES, "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9, 10.0.0.2"], PROXIES, "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, junk"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", ["junk, 203.0.113.9"], PROXIES, "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3"], PROXIES, "10.0.0.3"),
        ("10.0.0.1", [], PROXIES, "10.0.0.1"),
        ("fd00::1", ["[2001:db8::7]:443"], PROXIES, "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.9:5000"], PROXIES, "203.0.113.9"),
        ("::ffff:198.51.100.7", [], (), "198.51.100.7"),
        ("", [], PROXIES, ""),
    ],
)
def test_the_address_is_the_right_most_one_that_is_no_proxy(peer, forwarded, trusted, expected):
    assert find_address(peer, forwarded, trusted) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7/32"),
        ("", "unknown"),
    ],
)
def test_failures_count_for_an_address_or_a_whole_ipv6_network(address, network):
    assert network_of(address) == network
