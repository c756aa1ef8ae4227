"""Pairwise subject identifiers: one person, another `sub` in each sector (OpenID Connect Core section 8.1)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

PREFIX = "pps_"


def pairwise(secret: bytes, sector: str, person_id: str) -> str:
    """Return the subject of *person_id* in *sector*; without *secret* nobody can tell whose it is.

    The same arguments give the same subject for ever: relying parties know people by it.
    """
    message = f"{len(sector)}:{sector}:{person_id}".encode()
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def sector_of(sector_identifier_uri: str | None, redirect_uris: Iterable[str]) -> str:
    """Return the sector of a client: the host of its sector identifier, else the one host of its redirect URIs.

    Raises:
        ValueError: several hosts and no sector identifier; such a client is refused when it is registered.

    """
    addresses = [sector_identifier_uri] if sector_identifier_uri else list(redirect_uris)
    hosts = {(urlsplit(address).hostname or urlsplit(address).scheme) for address in addresses}
    if len(hosts) != 1:
        raise ValueError("The client has no single sector.")
    return hosts.pop()
