"""What shapes tokens where neither the registration of a client nor a setting says otherwise, by version.

A client keeps the version that it was registered with until somebody accepts a later one (``idp.contracts``), so an
upgrade changes nothing for the apps that are there. To change a default, add a version here and leave the others as
they are; a claim that comes later says so itself (``since`` in ``idp.protocol.claims``). Defaults of what is registered
(``ClientMetadata``) are written down with each client and need no version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """One version of the defaults; every algorithm in it is one that the first start makes keys for."""

    version: int
    # Anything may verify a token of its own, so RSA, which every library has; the issuer alone takes what is cheaper.
    alg_for_resources: str = "RS256"
    alg_for_the_issuer: str = "ES256"
    content_encryption: str = "A128CBC-HS256"


# By version, which begins with 1.
VERSIONS: Final[list[Defaults]] = [Defaults(version=1)]


def latest() -> Defaults:
    """Return what new clients get."""
    return VERSIONS[-1]


def of(version: int) -> Defaults:
    """Return the defaults of *version*; of one that only a later release knows, the latest there are."""
    return VERSIONS[min(version, len(VERSIONS)) - 1]
