"""Access tokens: signed, and not stored (RFC 9068)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import opaque
from idp.protocol import access_token

if TYPE_CHECKING:
    from datetime import datetime

    from idp.keys.signer import Signer
    from idp.protocol.access_token import AccessToken

# Anything may verify a token of its own, so RSA, which every library has; the issuer alone takes what is cheaper.
FOR_RESOURCES = "RS256"
FOR_THE_ISSUER = "ES256"


def new_jti(grant_id: str | None = None) -> str:
    """Return a fresh ``jti``; one that names a grant dies with it."""
    unique = opaque.token(16)
    return unique if grant_id is None else access_token.jti_of(grant_id, unique)


def mint(signer: Signer, token: AccessToken, *, alg: str | None, now: datetime) -> str:
    """Sign *token* with the client's own algorithm, else with the one that fits its audience."""
    elsewhere = token.audiences not in ((), (token.issuer,))
    chosen = alg or (FOR_RESOURCES if elsewhere else FOR_THE_ISSUER)
    # What we alone verify nobody else has to know the key of.
    reader = token.client_id if elsewhere else ""
    return signer.sign(chosen, header=access_token.HEADER, claims=token.claims(now), now=now, client_id=reader)
