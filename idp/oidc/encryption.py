"""What is encrypted to a client's own key, and userinfo as a JWT: for clients that registered for it.

A token is signed first and encrypted then, as a nested JWT (OpenID Connect Core sections 5.3.2 and 10.2). We hold no
key for it ourselves: as an ``id_token_hint`` the client sends back the signed token that was inside.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flask import Response
from joserfc import jwe

from idp.db import end_reading
from idp.errors import InvalidRequest
from idp.oidc import signing
from idp.oidc.client_keys import ClientKeys, ClientKeysUnavailable
from idp.oidc.json_responses import json_response, never_kept
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from idp.clients.store import Client
    from idp.oidc.client_keys import ClientKey

_HEADER: Final = {"typ": "JWT"}
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def require_key(client: Client, now: datetime) -> None:
    """Make sure that an ID token can be encrypted to *client*, before a code or refresh token is used up for it.

    Raises:
        InvalidRequest: the client's key cannot be had.

    """
    alg = client.metadata.id_token_encrypted_response_alg
    if alg is not None:
        _key(client, alg, now)


def id_token(client: Client, signed: str, now: datetime) -> str:
    """Return the ID token as *client* wants to have it: *signed* itself, or a JWE that holds it.

    Raises:
        InvalidRequest: the client's key cannot be had.

    """
    metadata = client.metadata
    alg, enc = metadata.id_token_encrypted_response_alg, metadata.id_token_encrypted_response_enc
    return signed if alg is None else _encrypted(client, signed.encode(), (alg, enc), {"cty": "JWT"}, now)


def of_id_tokens(client: Client) -> str:
    """Return how the ID tokens of *client* are encrypted; nothing where they are not."""
    metadata = client.metadata
    return _named(client, metadata.id_token_encrypted_response_alg, metadata.id_token_encrypted_response_enc)


def of_userinfo(client: Client) -> str:
    """Return how *client* has what UserInfo answers encrypted; nothing where it is not."""
    metadata = client.metadata
    return _named(client, metadata.userinfo_encrypted_response_alg, metadata.userinfo_encrypted_response_enc)


def _named(client: Client, alg: str | None, enc: str | None) -> str:
    return f"{alg} {enc or client.defaults.content_encryption}" if alg else ""


def userinfo(client: Client, claims: Mapping[str, Any], now: datetime) -> Response:
    """Return the answer of the UserInfo endpoint: JSON, or signed, encrypted or both, as ``application/jwt``.

    A signed one has ``iss`` and ``aud`` and no ``exp``, so that it can never be taken for an ID token.

    Raises:
        InvalidRequest: the client's key cannot be had.

    """
    metadata = client.metadata
    signed_with, alg = metadata.userinfo_signed_response_alg, metadata.userinfo_encrypted_response_alg
    if signed_with is None and alg is None:
        return json_response(claims)
    end_reading()
    text, header = _dumps(claims), {}
    if signed_with is not None:
        about = userinfo_claims(client, claims)
        text = signing.sign(client, signed_with, header=_HEADER, claims=about, now=now, lasting=True)
        header = {"cty": "JWT"}
    if alg is not None:
        text = _encrypted(client, text.encode(), (alg, metadata.userinfo_encrypted_response_enc), header, now)
    return never_kept(Response(text, content_type="application/jwt"))


def userinfo_claims(client: Client, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the UserInfo endpoint answers *client*: *claims*; when signed, also who it is from and for."""
    if client.metadata.userinfo_signed_response_alg is None:
        return dict(claims)
    return {**claims, "iss": service(Settings).issuer, "aud": client.client_id}


def _encrypted(
    client: Client, plaintext: bytes, names: tuple[str, str | None], header: Mapping[str, str], now: datetime
) -> str:
    alg, enc = names[0], names[1] or client.defaults.content_encryption
    key = _key(client, alg, now)
    named = {} if key.kid is None else {"kid": key.kid}
    return jwe.encrypt_compact({"alg": alg, "enc": enc, **named, **header}, plaintext, key.key, algorithms=[alg, enc])


def _key(client: Client, alg: str, now: datetime) -> ClientKey:
    try:
        return service(ClientKeys).encryption_key(client, alg, now)
    except ClientKeysUnavailable as error:
        raise InvalidRequest(f"This cannot be encrypted to the client. {error}") from None
