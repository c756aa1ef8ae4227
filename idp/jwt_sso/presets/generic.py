"""Any app that checks a JWT itself."""

from __future__ import annotations

from typing import Any

from idp.clients.jwt_redirect import ALGORITHMS
from idp.clients.presets import Check, Connection, Preset, Received
from idp.jwt_sso import vendor_rules as rules

_SHARED = tuple(alg for alg in ALGORITHMS if alg.startswith("HS"))
_PUBLIC = tuple(alg for alg in ALGORITHMS if not alg.startswith("HS"))


def _fill(address: str) -> dict[str, Any]:
    return {"delivery_uri": address}


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("Send people to", connection.start),
        ("Issuer (iss)", connection.issuer),
        ("Audience (aud)", connection.client_id),
        ("Keys", connection.jwks),
    ]


def _check(received: Received) -> list[Check]:
    field = next(iter(received.fields), "")
    token = rules.token_in(received, field)
    if token is None:
        return rules.unreadable(field)
    is_shared = token.alg in _SHARED
    return [
        rules.signed_with_secret(token, received, [token.alg])
        if is_shared
        else rules.signed_with_key(token, received, [token.alg] if token.alg in _PUBLIC else _PUBLIC),
        *rules.is_meant_for(token.claims, received),
        rules.runs_out(token.claims, received.now),
        *rules.holds(token.claims, ("sub", "jti")),
        Check("ok" if token.claims.get("nonce") == received.nonce else "bad", "The nonce comes back", received.nonce),
    ]


PRESET = Preset(
    name="generic",
    title="Another app",
    hint="Your own, or one that is not listed: it gets RS256 and checks it with the public keys.",
    asks_for="The address that takes the signed JWT",
    example="https://intranet.example.com/sso",
    fill=_fill,
    settings=_settings,
    check=_check,
)
