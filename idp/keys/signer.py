"""The one place that signs: always with one named key, and a header that says which."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from idp import clock
from idp.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from idp.keys.ledger import Ledger
    from idp.keys.ring import KeyRing, Ring, RingKey

_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
# How many bytes a secret has at least (RFC 7518 section 3.2).
_LEAST_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def _segment(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


class Signer:
    """Signs claims as compact JWS (RFC 7515 section 3.1), and holds the published key set."""

    def __init__(self, ring: KeyRing, ledger: Ledger | None = None) -> None:
        self._ring = ring
        self._ledger = ledger

    def sign(
        self,
        alg: str,
        *,
        header: Mapping[str, str],
        claims: Mapping[str, Any],
        now: datetime,
        lasting: bool = False,
        client_id: str = "",
    ) -> str:
        """Sign *claims* with the active key of *alg*, or with the next one where it is tried with *client_id*.

        ``header`` holds ``typ`` and nothing else: ``alg`` and ``kid`` come from the key. ``lasting`` is for a statement
        that is no token, and so has no ``exp``. ``client_id`` names whoever has to know the key, if it is not us alone.

        Raises:
            ServerError: no key signs with this algorithm.
            ValueError: another header, or a token that has already expired at *now*.

        """
        key = _signing_key(self._ring.current(), alg, client_id) or _signing_key(self._ring.checked(), alg, client_id)
        if key is None:
            raise ServerError("The server cannot sign at the moment.", detail=f"no active key for {alg}")
        _check(header, claims, now, lasting=lasting)
        signing_input = _header_segment(key, header["typ"]) + b"." + _segment(_dumps(claims).encode())
        signature = key.model.sign(signing_input, key.private())
        if client_id and self._ledger is not None:
            self._ledger.signed(client_id, key.kid)
        return (signing_input + b"." + _segment(signature)).decode()

    def sign_with_secret(
        self,
        secret: bytes,
        *,
        header: Mapping[str, str],
        claims: Mapping[str, Any],
        now: datetime,
        alg: str = "HS256",
        lasting: bool = False,
    ) -> str:
        """Sign *claims* with HS256, HS384 or HS512 under a client's own secret, which is as long as the hash at least.

        Raises:
            ValueError: the secret is too short, another algorithm or header, or a token that has already expired.

        """
        least = _LEAST_SECRET_BYTES.get(alg)
        if least is None or len(secret) < least:
            message = f"an {alg} secret has at least {least} bytes" if least else f"{alg} takes no secret"
            raise ValueError(message)
        _check(header, claims, now, lasting=lasting)
        protected = _dumps({"alg": alg, "typ": header["typ"]}).encode()
        signing_input = _segment(protected) + b"." + _segment(_dumps(claims).encode())
        signature = JWSRegistry.algorithms[alg].sign(signing_input, OctKey.import_key(secret))
        return (signing_input + b"." + _segment(signature)).decode()

    def jwks(self) -> tuple[bytes, str]:
        """Return the published key set and its strong entity tag; made once per change."""
        return self._ring.current().jwks


def _signing_key(ring: Ring, alg: str, client_id: str) -> RingKey | None:
    return ring.canaries.get((client_id, alg)) or ring.active.get(alg)


def _header_segment(key: RingKey, typ: str) -> bytes:
    made = key.parsed.headers.get(typ)
    if made is None:
        made = _segment(_dumps({"alg": key.alg, "kid": key.kid, "typ": typ}).encode())
        key.parsed.headers[typ] = made
    return made


def _check(header: Mapping[str, str], claims: Mapping[str, Any], now: datetime, *, lasting: bool = False) -> None:
    if header.keys() != {"typ"}:
        message = "the header of a token is its typ; alg and kid come from the key"
        raise ValueError(message)
    if lasting:
        if "exp" in claims:
            message = "what lasts has no exp"
            raise ValueError(message)
    elif claims["exp"] <= clock.epoch_seconds(now):
        message = "a token must not be over before it begins"
        raise ValueError(message)
