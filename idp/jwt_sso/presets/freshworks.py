"""Freshworks: an ``id_token`` in the address, RS256 by a public key that somebody uploads as PEM.

Source: Freshworks Support, "How to configure SSO with custom JWT implementation".
"""

from __future__ import annotations

from typing import Any

from idp.clients.presets import Check, Connection, Preset, Received
from idp.jwt_sso import vendor_rules as rules


def _fill(address: str) -> dict[str, Any]:
    return {
        "delivery_uri": address,
        "delivery": "query",
        "field": "id_token",
        "alg": "RS256",
        "require_verified_email": True,
    }


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("Authorization URL", connection.start),
        ("Client ID", connection.client_id),
        ("RSA public key", "The public key that signs RS256, as PEM: on the page of signing keys"),
    ]


def _check(received: Received) -> list[Check]:
    token = rules.token_in(received, "id_token")
    way = rules.arrives(received, deliveries=("query",), field="id_token")
    if token is None:
        return [way, *rules.unreadable("id_token")]
    return [
        way,
        rules.signed_with_key(token, received, ["RS256"]),
        Check("ok" if token.claims.get("nonce") == received.nonce else "bad", "The nonce comes back", received.nonce),
        Check("ok" if "state" in received.fields else "bad", "state comes back beside the token"),
        *rules.holds(token.claims, ("sub", "email", "iat", "given_name", "family_name")),
        rules.address_is_verified(token.claims, received, "Freshworks"),
    ]


PRESET = Preset(
    name="freshworks",
    title="Freshworks",
    hint="Freshdesk and Freshservice: an RS256 id_token, checked with a key that you upload as PEM.",
    asks_for="The redirect URL that Freshworks shows",
    example="https://example.freshworks.com/sp/OIDC/1234567890/implicit",
    fill=_fill,
    settings=_settings,
    check=_check,
)
