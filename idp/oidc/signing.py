"""What is signed for one client alone: with a key of the server or, where it registered for that, with its own secret.

An HMAC under the client secret (OpenID Connect Core section 10.1) names no key. While two secrets are live, the one is
taken that the client has just proven itself with, else the one that it used last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g

from idp.clients import secrets
from idp.clients.metadata import HMAC_ALGORITHMS
from idp.db import db
from idp.errors import InvalidToken, ServerError
from idp.keys.signer import Signer
from idp.keys.verifier import HINT, Verifier
from idp.oidc import clients
from idp.protocol import id_token, jws_header
from idp.protocol.access_token import audiences_of
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from idp.clients.store import Client
    from idp.protocol.jws_header import Jws


def note_secret(secret_id: str) -> None:
    """Remember, for this request, which of its secrets the client has proven itself with."""
    g.oidc_secret_id = secret_id


def sign(
    client: Client,
    alg: str,
    *,
    header: Mapping[str, str],
    claims: Mapping[str, Any],
    now: datetime,
    lasting: bool = False,
) -> str:
    """Sign *claims* with *alg* for *client*; see ``Signer.sign``.

    Raises:
        ServerError: no key signs with this algorithm, or the client has no secret that can.

    """
    if alg not in HMAC_ALGORITHMS:
        return service(Signer).sign(
            alg, header=header, claims=claims, now=now, lasting=lasting, client_id=client.client_id
        )
    secret = _secret(client)
    return service(Signer).sign_with_secret(secret, alg=alg, header=header, claims=claims, now=now, lasting=lasting)


def _secret(client: Client) -> bytes:
    live = dict(secrets.signing_keys(service(Vault), client))
    if not live:
        raise ServerError("The server cannot sign at the moment.", detail=f"no secret of {client.client_id}")
    proven = g.get("oidc_secret_id")
    if proven in live:
        return live[proven]
    used = secrets.last_used(db.session(), client.client_id) if len(live) > 1 else None
    return live.get(used or "") or next(iter(live.values()))


def id_token_of_ours(token: str, *, now: datetime) -> dict[str, Any]:
    """Return what an ID token of ours says, an expired one and one by a retired key included.

    Raises:
        InvalidToken: it was not issued here, is by a key or secret that is gone, or is of another ``typ``.

    """
    typ = id_token.HEADER["typ"]
    try:
        jws = jws_header.parse(token, algorithms=HMAC_ALGORITHMS)
    except InvalidToken:
        # By a key, or not readable at all, which is found there.
        return service(Verifier).verify(token, typ=typ, audience=None, now=now, expired_ok=True, states=HINT)
    client = _addressee(jws)
    return service(Verifier).verify_with_secrets(
        jws,
        [secret for _, secret in secrets.signing_keys(service(Vault), client)],
        typ=typ,
        audience=client.client_id,
        now=now,
    )


def _addressee(jws: Jws) -> Client:
    """Return the client that a token by a secret says it is for, when that client's ID tokens are signed so."""
    named = audiences_of(jws.unverified_claims)
    client = clients.find(named[0]) if len(named) == 1 else None
    if client is None or client.metadata.id_token_signed_response_alg != jws.alg:
        raise InvalidToken("The token is not valid.", detail="ID tokens for this audience are not signed like this")
    return client
