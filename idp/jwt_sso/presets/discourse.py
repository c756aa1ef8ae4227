"""Discourse: DiscourseConnect, a query string in base64 with an HMAC beside it; no JWT.

Source: Discourse Meta, "Setup DiscourseConnect".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from idp.clients.presets import Check, Connection, Preset, Received, origin_of
from idp.jwt_sso import vendor_rules as rules

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH = "/session/sso_login"


def _fill(address: str) -> dict[str, Any]:
    return {"delivery_uri": origin_of(address) + _PATH, "delivery": "query", "field": "sso", "alg": "HS256"}


def _settings(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("enable_discourse_connect", "true"),
        ("discourse_connect_url", connection.start),
        ("discourse_connect_secret", "The JWT secret of this client"),
    ]


def _check(received: Received) -> list[Check]:
    sso, sig = received.fields.get("sso", ""), received.fields.get("sig", "")
    try:
        members = {name: found[0] for name, found in parse_qs(base64.b64decode(sso, validate=True).decode()).items()}
    except (binascii.Error, ValueError):
        return [Check("bad", "sso is a query string in base64", "It cannot be read.")]
    activation = members.get("require_activation") == "true"
    return [
        rules.goes_to(received, _PATH),
        rules.arrives(received, deliveries=("query",), field="sso"),
        _signed(sso, sig, received.secrets),
        Check(
            "ok" if members.get("nonce") == received.nonce else "bad", "The forum’s nonce comes back", received.nonce
        ),
        *rules.holds(members, ("external_id", "email")),
        *rules.offers(members, ("username", "name"), "the forum makes one up"),
        Check(
            "warn" if activation else "ok",
            "The email address is verified",
            "It is not, so the forum has the person prove it (require_activation)." if activation else "",
        ),
    ]


def _signed(sso: str, sig: str, secrets: Sequence[bytes]) -> Check:
    title = "sig is the HMAC-SHA256 of the text in sso"
    expected = hmac.new(secrets[0], sso.encode(), hashlib.sha256).hexdigest() if secrets else ""
    if not expected or not hmac.compare_digest(expected, sig):
        return Check("bad", title, "It does not verify.")
    return Check("ok", title, "It verifies with the secret that signs now; the forum is answered with the one it used.")


PRESET = Preset(
    name="discourse",
    title="Discourse",
    hint="DiscourseConnect: the forum asks with a signed message, and is answered with one.",
    asks_for="The address of your forum",
    example="https://forum.example.com",
    fill=_fill,
    settings=_settings,
    check=_check,
    secret_from="here",
)
