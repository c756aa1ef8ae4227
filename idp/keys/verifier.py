"""The one place that verifies what this server signed.

The algorithm comes from our own record of the key, never from the token; then typ, signature, iss, aud and times.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final, NoReturn

from joserfc.errors import JoseError

from idp import clock
from idp.errors import InvalidToken
from idp.keys import store

if TYPE_CHECKING:
    from datetime import datetime

    from idp.keys.ring import KeyRing, RingKey

# `next` is among them because another process may have promoted it a moment ago; nobody else holds its private part.
LIVE: Final = frozenset({store.NEXT, store.ACTIVE, store.RETIRING})
# An old ID token still says at logout who is meant; revoked keys say nothing any more.
HINT: Final = LIVE | {store.RETIRED}

_LONGEST_TOKEN = 16 * 1024
_LONGEST_HEADER = 8 * 1024
_LONGEST_KID = 128
_CLOCK_SKEW = 60
_HEADER_NAMES = frozenset({"alg", "kid", "typ"})


def _refuse(detail: str) -> NoReturn:
    raise InvalidToken("The token is not valid.", detail=detail)


class Verifier:
    """Verifies ID tokens, access tokens and whatever else is signed with the installation's keys."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    def verify(  # noqa: PLR0913 - one argument a rule; all but the token are named
        self,
        token: str,
        *,
        typ: str,
        audience: str | None,
        now: datetime,
        leeway: int = 0,
        expired_ok: bool = False,
        states: frozenset[str] = LIVE,
    ) -> dict[str, Any]:
        """Return the claims of *token*, of which iss, aud, iat and exp hold what their type says.

        ``audience`` must be the ``aud`` or among it; ``None`` leaves that to the caller. ``leeway`` (seconds, at most
        60) is granted after ``exp``; ``expired_ok`` is for ``id_token_hint`` alone, ``states`` are those of the key.

        Raises:
            InvalidToken: for every fault the same public text; the log's detail says which.

        """
        key, signing_input, payload, signature = self._opened(token, typ, states)
        try:
            good = key.model.verify(signing_input, signature, key.parsed.public)
        except (ValueError, JoseError):
            good = False
        if not good:
            _refuse(f"the signature is not by the key {key.kid}")
        claims = _object(payload, "payload")
        self._check_parties(claims, audience)
        self._check_times(claims, clock.epoch_seconds(now), min(leeway, _CLOCK_SKEW), expired_ok=expired_ok)
        return claims

    def _opened(self, token: str, typ: str, states: frozenset[str]) -> tuple[RingKey, bytes, bytes, bytes]:
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            _refuse("too long, or not ASCII")
        segments = token.encode().split(b".")
        if len(segments) != 3:  # noqa: PLR2004 - compact form (RFC 7515 section 7.1)
            _refuse("not three segments")
        if len(segments[0]) > _LONGEST_HEADER:
            _refuse("the header is too long")
        header = _object(_decoded(segments[0], "header"), "header")
        key = self._key(header, states)
        # Nothing is read from jwk, jku or x5c, and no extension is known (crit, b64, zip): ours carry three names.
        if header.keys() != _HEADER_NAMES or header["alg"] != key.alg or header["typ"] != typ:
            _refuse(f"the header does not fit the key {key.kid} or the kind of token")
        payload = _decoded(segments[1], "payload")
        return key, segments[0] + b"." + segments[1], payload, _decoded(segments[2], "signature")

    def _key(self, header: dict[str, Any], states: frozenset[str]) -> RingKey:
        kid = header.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
            _refuse("no usable kid")
        key = self._ring.current().by_kid.get(kid) or self._ring.checked().by_kid.get(kid)
        if key is None or key.state not in states:
            _refuse("the kid is none of ours, or that key verifies nothing any more")
        return key

    def _check_parties(self, claims: dict[str, Any], audience: str | None) -> None:
        if claims.get("iss") != self._issuer:
            _refuse("another issuer")
        aud = claims.get("aud")
        several = [aud] if isinstance(aud, str) else aud
        if not isinstance(several, list) or not several or not all(isinstance(one, str) for one in several):
            _refuse("aud is neither a string nor a list of strings")
        if audience is not None and audience not in several:
            _refuse("another audience")

    def _check_times(self, claims: dict[str, Any], now: int, leeway: int, *, expired_ok: bool) -> None:
        iat, exp = claims.get("iat"), claims.get("exp")
        # bool is an int to Python.
        if type(iat) is not int or type(exp) is not int:
            _refuse("iat or exp is missing or not whole seconds")
        if iat > now + _CLOCK_SKEW:
            _refuse("issued in the future")
        if iat < self._ring.current().not_before:
            _refuse("issued before the not-before of the installation")
        if now >= exp + leeway and not expired_ok:
            _refuse("expired")


def _decoded(segment: bytes, name: str) -> bytes:
    try:
        data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except (ValueError, binascii.Error):
        data = b""
    # The decoder skips what is not in its alphabet and the bits left over at the end: one token, one spelling.
    if urlsafe_b64encode(data).rstrip(b"=") != segment:
        _refuse(f"the {name} is not base64url")
    return data


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _refuse(f"the {name} is not JSON")
    if not isinstance(found, dict):
        _refuse(f"the {name} is not a JSON object")
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name is there twice"
        raise ValueError(message)
    return found


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
