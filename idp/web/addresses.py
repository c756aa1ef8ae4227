"""The network address of the client."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from flask import request

from idp.settings import Settings
from idp.web.current import service

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_IPV4_PREFIX = 32
_IPV6_PREFIX = 64


def client_address() -> str:
    """Return the address of the client as text; empty when there is none (a local socket).

    Behind trusted proxies it is the right-most entry of ``X-Forwarded-For`` that is not itself a trusted proxy; what
    stands left of it was written by the client. Scheme and host are never taken from a proxy.
    """
    trusted, peer = service(Settings).trusted_proxies, request.remote_addr or ""
    return find_address(peer, request.headers.getlist("X-Forwarded-For") if trusted else [], trusted)


def peer_is_trusted() -> bool:
    """Tell whether this request came straight from a trusted proxy, so that what it alone may say is believed."""
    address = _parse(request.remote_addr or "")
    return address is not None and _is_trusted(address, service(Settings).trusted_proxies)


def find_address(peer: str, forwarded: list[str], trusted: tuple[str, ...]) -> str:
    """Return the client's address for a connection from *peer* with these ``X-Forwarded-For`` headers."""
    address = _parse(peer)
    if not trusted or address is None or not _is_trusted(address, trusted):
        return str(address) if address else ""
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    for hop in reversed(hops):
        found = _parse(hop)
        if found is None:
            # A proxy that we trust does not write this; what it did see is the nearest address that is known.
            break
        address = found
        if not _is_trusted(found, trusted):
            break
    return str(address)


def network_of(address: str) -> str:
    """Return the network that failures are counted for: an IPv4 address itself (/32), the /64 of an IPv6 address."""
    parsed = _parse(address)
    if parsed is None:
        return "unknown"
    prefix = _IPV4_PREFIX if parsed.version == 4 else _IPV6_PREFIX  # noqa: PLR2004 - the version of IP
    return str(ipaddress.ip_network((parsed, prefix), strict=False))


def network_seen(trusted: tuple[str, ...], peer: str, forwarded: str) -> str:
    """Return the network of a request as the server interface has it: the peer, and ``X-Forwarded-For`` in one line."""
    return network_of(find_address(peer, [forwarded] if forwarded else [], trusted))


@lru_cache(maxsize=1024)
def _parse(text: str) -> _Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # ::ffff:192.0.2.1 is 192.0.2.1, reached through a socket that speaks both.
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: _Address, trusted: tuple[str, ...]) -> bool:
    return any(address.version == network.version and address in network for network in _networks(trusted))


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(network, strict=False) for network in trusted)
