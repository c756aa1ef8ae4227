"""Metabase: HS256 in the address of ``/auth/sso`` (Metabase documentation, "JWT-based authentication")."""

from __future__ import annotations

import re
from typing import Any

from idp.clients.presets import Check, Connection, Preset, Received
from idp.jwt_sso import vendor_rules as rules

_PATH = "/auth/sso"
_MOST_AGE = 180
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{64}")


def _fill(address: str) -> dict[str, Any]:
    return {
        "delivery_uri": address if address.endswith(_PATH) else address.rstrip("/") + _PATH,
        "delivery": "query",
        "field": "jwt",
        "alg": "HS256",
        "require_verified_email": True,
        "claims": {"first_name": "given_name", "last_name": "family_name"},
    }


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("JWT Identity Provider URI", connection.start),
        ("String used by the JWT signing key", "The JWT secret of this client"),
        ("Group attribute", "groups"),
    ]


def _check(received: Received) -> list[Check]:
    token = rules.token_in(received, "jwt")
    way = [rules.goes_to(received, _PATH), rules.arrives(received, deliveries=("query",), field="jwt")]
    if token is None:
        return way + rules.unreadable("jwt")
    is_key = bool(received.secrets) and bool(_HEXADECIMAL.fullmatch(received.secrets[0]))
    return [
        *way,
        rules.signed_with_secret(token, received, ["HS256"]),
        Check("ok" if is_key else "bad", "The secret has 64 hexadecimal characters"),
        rules.is_fresh(token.claims, received.now, _MOST_AGE),
        rules.runs_out(token.claims, received.now),
        *rules.holds(token.claims, ("email",)),
        rules.address_is_verified(token.claims, received, "Metabase"),
        *rules.offers(token.claims, ("first_name", "last_name"), "Metabase shows the address instead"),
        *rules.offers(token.claims, ("groups",), "groups there are not kept up to date"),
    ]


PRESET = Preset(
    name="metabase",
    title="Metabase",
    hint="Pro and Enterprise: an HS256 token to /auth/sso, with names and groups.",
    asks_for="The address of your Metabase",
    example="https://metabase.example.com",
    fill=_fill,
    settings=_settings,
    check=_check,
    secret_from="here",
    scope="openid profile email groups",
)
