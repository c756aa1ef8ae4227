"""Grafana ``auth.jwt``: a token in the address or a header, checked with the key set of this server.

Source: Grafana documentation, "Configure JWT authentication".
"""

from __future__ import annotations

from typing import Any

from idp.clients.presets import Check, Connection, Preset, Received
from idp.jwt_sso import vendor_rules as rules

_FIELD = "auth_token"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def _fill(address: str) -> dict[str, Any]:
    return {
        "delivery_uri": address,
        "delivery": "query",
        "field": _FIELD,
        "alg": "RS256",
        "require_verified_email": True,
    }


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("enabled", "true"),
        ("url_login", "true"),
        ("jwk_set_url", connection.jwks),
        ("username_claim", "preferred_username"),
        ("email_claim", "email"),
        ("expect_claims", f'{{"iss": "{connection.issuer}", "aud": "{connection.client_id}"}}'),
        ("auto_sign_up", "true"),
        ("The link that people open", connection.start),
    ]


def _check(received: Received) -> list[Check]:
    token = rules.token_in(received, _FIELD)
    way = rules.arrives(received, deliveries=("query",), field=_FIELD)
    if token is None:
        return [way, *rules.unreadable(_FIELD)]
    return [
        way,
        rules.signed_with_key(token, received, _ALGORITHMS),
        *rules.is_meant_for(token.claims, received),
        rules.runs_out(token.claims, received.now),
        *rules.holds(token.claims, ("sub", "preferred_username", "email")),
        rules.address_is_verified(token.claims, received, "Grafana"),
        *rules.offers(token.claims, ("name",), "Grafana shows the username instead"),
    ]


PRESET = Preset(
    name="grafana",
    title="Grafana (auth.jwt)",
    hint="A token in the address, checked with the published keys. For daily use OpenID Connect is better.",
    asks_for="The address that people open in Grafana",
    example="https://grafana.example.com/",
    fill=_fill,
    settings=_settings,
    check=_check,
)
