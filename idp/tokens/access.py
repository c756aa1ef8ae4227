"""Access tokens: signed, and not stored (RFC 9068)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp import opaque
from idp.protocol import access_token

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.keys.signer import Signer
    from idp.protocol.access_token import AccessToken


def new_jti(grant_id: str | None = None) -> str:
    """Return a fresh ``jti``; one that names a grant dies with it."""
    unique = opaque.token(16)
    return unique if grant_id is None else access_token.jti_of(grant_id, unique)


def algorithm(client: Client, token: AccessToken) -> str:
    """Return what *token* is signed with: the client's own algorithm, else the one that fits its audience."""
    usual = client.defaults.alg_for_resources if _goes_elsewhere(token) else client.defaults.alg_for_the_issuer
    return client.metadata.access_token_signed_response_alg or usual


def mint(signer: Signer, token: AccessToken, claims: dict[str, Any], *, alg: str, now: datetime) -> str:
    """Sign the *claims* of *token* with *alg*."""
    # What we alone verify nobody else has to know the key of.
    reader = token.client_id if _goes_elsewhere(token) else ""
    return signer.sign(alg, header=access_token.HEADER, claims=claims, now=now, client_id=reader)


def _goes_elsewhere(token: AccessToken) -> bool:
    return token.audiences not in ((), (token.issuer,))
