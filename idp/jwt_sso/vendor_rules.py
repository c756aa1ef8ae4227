"""What the rules of several apps have in common; written as their libraries check, without what signs here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError

from idp.clients.presets import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from joserfc.jwk import Key

    from idp.clients.presets import Received

_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_CLOCK_SKEW = 5


@dataclass(frozen=True, slots=True)
class Token:
    """A JWT in pieces, nothing in it proven."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def alg(self) -> str:
        """Return the algorithm that the header names."""
        return str(self.header.get("alg"))


def token_in(received: Received, field: str) -> Token | None:
    """Return the JWT in the field called *field*, if one can be read there."""
    text = received.fields.get(field, "")
    try:
        header, claims, _ = (_decoded(segment) for segment in text.split("."))
        return Token(text, json.loads(header), json.loads(claims))
    except (ValueError, binascii.Error):
        return None


def arrives(received: Received, *, deliveries: Sequence[str], field: str) -> Check:
    """Check the way that the token takes."""
    title = f"It comes as “{field}” {_WAYS[deliveries[0]]}"
    if received.delivery not in deliveries:
        return Check("bad", title, f"It is sent {_WAYS[received.delivery]}. Choose another delivery.")
    if field not in received.fields:
        return Check("bad", title, f"The field is called {next(iter(received.fields), 'nothing')}.")
    if received.delivery != deliveries[0]:
        return Check("warn", title, f"It is sent {_WAYS[received.delivery]}, which still works.")
    return Check("ok", title, received.address)


def goes_to(received: Received, path: str) -> Check:
    """Check the path of the address that takes the token."""
    title = f"It goes to {path}"
    if received.address.partition("?")[0].endswith(path):
        return Check("ok", title, received.address)
    return Check("bad", title, f"It goes to {received.address}. Set the delivery address to one that ends with {path}.")


def signed_with_secret(token: Token, received: Received, algorithms: Sequence[str]) -> Check:
    """Check an HMAC with the secret that signs."""
    title = f"It is signed with {' or '.join(algorithms)} and the shared secret"
    if token.alg not in algorithms:
        return Check("bad", title, f"It is signed with {token.alg}. Choose {algorithms[0]}.")
    signing_input, _, signature = token.text.rpartition(".")
    secret = received.secrets[0] if received.secrets else b""
    expected = hmac.new(secret, signing_input.encode(), _HASHES[token.alg]).digest()
    if not secret or not hmac.compare_digest(expected, _decoded(signature)):
        return Check("bad", title, "The signature does not verify.")
    note = "Another secret is live, too. Remove it when nothing needs it any more." if len(received.secrets) > 1 else ""
    return Check("ok", title, note or "The signature verifies with the secret that signs now.")


def signed_with_key(token: Token, received: Received, algorithms: Sequence[str]) -> Check:
    """Check a signature with the key of the published set that the header names."""
    title = f"It is signed with {' or '.join(algorithms)} by a published key"
    if token.alg not in algorithms:
        return Check("bad", title, f"It is signed with {token.alg}. Choose {algorithms[0]}.")
    key = received.keys.get(str(token.header.get("kid")))
    if key is None or not _verifies(token, key):
        return Check("bad", title, "No published key verifies the signature.")
    return Check("ok", title, f"The key {token.header['kid']} verifies the signature.")


def holds(claims: dict[str, Any], names: Iterable[str]) -> list[Check]:
    """Check that each claim is there and says something."""
    return [_held(claims, name) for name in names]


def offers(claims: dict[str, Any], names: Iterable[str], use: str) -> list[Check]:
    """Check claims that an app can do without; *use* says what it would do with them."""
    missing = [name for name in names if claims.get(name) in (None, "", [])]
    return [Check("warn", f"It may hold {name}", f"It does not, so {use}.") for name in missing]


def is_fresh(claims: dict[str, Any], now: int, most: int) -> Check:
    """Check that the token was made at most *most* seconds ago."""
    title, issued = f"It was made less than {most} seconds ago (iat)", claims.get("iat")
    if not isinstance(issued, int) or not now - most <= issued <= now + _CLOCK_SKEW:
        return Check("bad", title, f"iat is {issued}.")
    return Check("ok", title, "Keep the clocks of both sides right.")


def runs_out(claims: dict[str, Any], now: int) -> Check:
    """Check that the token has an end, which has not come yet."""
    title, ends = "It has not run out (exp)", claims.get("exp")
    if not isinstance(ends, int) or ends <= now:
        return Check("bad", title, f"exp is {ends}.")
    return Check("ok", title, f"It can be used for {ends - now} seconds.")


def is_meant_for(claims: dict[str, Any], received: Received) -> list[Check]:
    """Check who made the token, and for whom."""
    found = []
    for name, expected in (("iss", received.issuer), ("aud", received.client_id)):
        value = claims.get(name)
        result = Check("ok" if value == expected else "bad", f"{name} is {expected}", f"{name} is {value}.")
        found.append(result)
    return found


def address_is_verified(claims: dict[str, Any], received: Received, app: str) -> Check:
    """Check that an app that trusts every address gets one that was verified."""
    title = "The email address is verified"
    if claims.get("email_verified") is True:
        return Check("ok", title, f"{app} takes it for proven.")
    if received.requires_verified_email:
        return Check("bad", title, f"It is not, so they are not sent: {app} takes every address for proven.")
    note = f"{app} takes every address for proven: whoever has an account with this address there is signed in to it."
    return Check("warn", title, f"It is not. {note} Require verified addresses in the settings.")


def unreadable(field: str) -> list[Check]:
    """Return what is wrong where no JWT can be read."""
    return [Check("bad", f"A JWT is in “{field}”", "There is none that can be read.")]


_WAYS = {"form_post": "in a form that is posted", "query": "in the address (GET)", "fragment": "in the fragment"}


def _held(claims: dict[str, Any], name: str) -> Check:
    value = claims.get(name)
    if value in (None, "", []):
        return Check("bad", f"It holds {name}", "It does not: the person has none, or no scope or claim brings it.")
    return Check("ok", f"It holds {name}", str(value) if isinstance(value, (str, int)) else ", ".join(map(str, value)))


def _verifies(token: Token, key: Key) -> bool:
    try:
        jws.deserialize_compact(token.text, key, algorithms=[token.alg])
    except (JoseError, ValueError):
        return False
    return True


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
