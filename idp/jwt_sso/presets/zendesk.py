"""Zendesk: HS256 with a secret that Zendesk makes, posted to ``/access/jwt`` (Zendesk Help, "Enabling JWT SSO")."""

from __future__ import annotations

from typing import Any

from idp.clients.presets import Check, Connection, Preset, Received, origin_of
from idp.jwt_sso import vendor_rules as rules

_PATH = "/access/jwt"
# Zendesk refuses tokens that are older.
_MOST_AGE = 180


def _fill(address: str) -> dict[str, Any]:
    return {
        "delivery_uri": origin_of(address) + _PATH,
        "delivery": "form_post",
        "field": "jwt",
        "alg": "HS256",
        "require_verified_email": True,
        "claims": {"external_id": "sub", "remote_photo_url": "picture"},
    }


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [("Remote login URL", connection.start), ("Remote logout URL", f"{connection.issuer}/logout")]


def _check(received: Received) -> list[Check]:
    token = rules.token_in(received, "jwt")
    way = [
        rules.goes_to(received, _PATH),
        rules.arrives(received, deliveries=("form_post", "query"), field="jwt"),
    ]
    if token is None:
        return way + rules.unreadable("jwt")
    return [
        *way,
        rules.signed_with_secret(token, received, ["HS256"]),
        Check("ok" if token.header.get("typ") == "JWT" else "bad", "The header says typ JWT"),
        rules.is_fresh(token.claims, received.now, _MOST_AGE),
        *rules.holds(token.claims, ("jti", "email", "name")),
        rules.address_is_verified(token.claims, received, "Zendesk"),
        *rules.offers(token.claims, ("external_id",), "a person who changes their address becomes another user there"),
    ]


PRESET = Preset(
    name="zendesk",
    title="Zendesk",
    hint="Posts an HS256 token to /access/jwt; Zendesk makes the secret.",
    asks_for="The address of your Zendesk",
    example="https://example.zendesk.com",
    fill=_fill,
    settings=_settings,
    check=_check,
    secret_from="app",
)
