"""A client's public keys: registered by value, or fetched from its ``jwks_uri`` and remembered for a while.

Keys by address follow OpenID Connect Core section 10: what cannot be verified with the keys that are known makes the
set be fetched once more, at most once a minute for each client.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp.clients import public_keys
from idp.db import end_reading
from idp.keys.algorithms import ALGORITHMS, AsymmetricKey
from idp.outbound import FETCHES_AT_ONCE, PLACE_SECONDS, Outbound, OutboundBusy, OutboundError
from idp.protocol.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from idp.clients.store import Client
    from idp.protocol.jws_header import Jws

LEAST_AGE: Final = timedelta(minutes=5)
USUAL_AGE: Final = timedelta(hours=1)
MOST_AGE: Final = timedelta(hours=24)
REFETCH_PAUSE: Final = timedelta(minutes=1)
FAILURE_PAUSE: Final = timedelta(seconds=10)
_MOST_CLIENTS = 2000
_BUSY: Final = "The keys of too many clients are being fetched at this moment; try again in a few seconds."
_ACCEPT = "application/jwk-set+json, application/json"
_KINDS: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
# ECDH-ES agrees on these curves; Edwards curves only sign.
_AGREEING: Final = frozenset({"P-256", "P-384", "P-521", "X25519"})


class ClientKeysUnavailable(Exception):
    """A client's keys cannot be had; the text says why in one sentence, fit for the client's owner."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key of a client, with what its JWK says it is for (RFC 7517 section 4)."""

    key: AsymmetricKey
    kid: str | None
    kty: str
    curve: str
    use: str | None
    alg: str | None
    operations: tuple[str, ...] | None

    def can_verify(self, alg: str) -> bool:
        """Tell whether signatures of *alg* may be verified with it."""
        algorithm = ALGORITHMS[alg]
        fits = self.kty == algorithm.kty and (self.kty == "RSA" or self.curve == algorithm.curve)
        return fits and self._is_for("sig", alg, "verify")

    def can_encrypt(self, alg: str) -> bool:
        """Tell whether a content key may be encrypted to it, or agreed on with it, by *alg*."""
        agrees = alg.startswith("ECDH-ES")
        fits = self.curve in _AGREEING if agrees else self.kty == "RSA"
        operations = ("deriveKey", "deriveBits") if agrees else ("encrypt", "wrapKey")
        return fits and self._is_for("enc", alg, *operations)

    def _is_for(self, use: str, alg: str, *operations: str) -> bool:
        return (
            self.use in (None, use)
            and self.alg in (None, alg)
            and (self.operations is None or not set(operations).isdisjoint(self.operations))
        )


@dataclass(slots=True)
class _Remembered:
    """The keys behind one ``jwks_uri``; ``lock`` is held while they are fetched."""

    keys: tuple[ClientKey, ...] = ()
    fetched_at: datetime | None = None
    expires_at: datetime | None = None
    refetched_at: datetime | None = None
    failed_at: datetime | None = None
    fault: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_fresh(self, now: datetime) -> bool:
        return self.expires_at is not None and now < self.expires_at

    def is_usable(self, now: datetime) -> bool:
        return self.fetched_at is not None and now < self.fetched_at + MOST_AGE


class ClientKeys:
    """The keys of all clients, as this process knows them."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._by_address: dict[tuple[str, str], _Remembered] = {}
        self._lock = threading.Lock()
        # Whoever waits for a fetch that another request has begun occupies a turn of this process just as that does.
        self._places = threading.BoundedSemaphore(FETCHES_AT_ONCE)

    def verify(self, client: Client, jws: Jws, now: datetime) -> bool:
        """Tell whether *jws* was signed with one of the client's keys; the caller has decided on its algorithm.

        Raises:
            ClientKeysUnavailable: the keys are registered by address and could not be fetched.

        """
        keys = self.known(client, now)
        if verifies(keys, jws):
            return True
        newer = self.refreshed(client, keys, now)
        return newer is not None and verifies(newer, jws)

    def encryption_key(self, client: Client, alg: str, now: datetime) -> ClientKey:
        """Return the key that *alg* encrypts to for this client; one that says ``use=enc`` goes first.

        Raises:
            ClientKeysUnavailable: there is none, or the keys could not be fetched.

        """
        fitting = [key for key in self.known(client, now) if key.can_encrypt(alg)]
        if not fitting:
            raise ClientKeysUnavailable(f"The client has no registered key that {alg} can encrypt to.")
        return min(fitting, key=lambda key: key.use is None)

    def known(self, client: Client, now: datetime) -> tuple[ClientKey, ...]:
        """Return the client's public keys, fetched when none are remembered or what is remembered is too old.

        When they cannot be fetched again, those fetched within a day go on serving.

        Raises:
            ClientKeysUnavailable: the keys are registered by address and could not be fetched.

        """
        metadata = client.metadata
        if metadata.jwks_uri is None:
            return read(metadata.jwks) if metadata.jwks else ()
        remembered = self._remembered(client.client_id, metadata.jwks_uri)
        if remembered.is_fresh(now):
            return remembered.keys
        end_reading()
        with self._turn(remembered) as is_ours:
            # Perhaps another request has fetched them while this one waited.
            if is_ours and not remembered.is_fresh(now):
                self._fetch(remembered, metadata.jwks_uri, now)
            if not remembered.is_usable(now):
                raise ClientKeysUnavailable(remembered.fault or _BUSY)
            return remembered.keys

    def refreshed(self, client: Client, seen: tuple[ClientKey, ...], now: datetime) -> tuple[ClientKey, ...] | None:
        """Return keys that are newer than those *seen*; ``None`` when there are none, or it is too soon to ask."""
        address = client.metadata.jwks_uri
        if address is None:
            return None
        remembered = self._remembered(client.client_id, address)
        end_reading()
        with self._turn(remembered) as is_ours:
            if remembered.keys is not seen:
                return remembered.keys
            if not is_ours:
                return None
            if remembered.refetched_at is not None and now < remembered.refetched_at + REFETCH_PAUSE:
                return None
            remembered.refetched_at = now
            self._fetch(remembered, address, now)
            return None if remembered.keys is seen else remembered.keys

    @contextmanager
    def _turn(self, remembered: _Remembered) -> Iterator[bool]:
        """Hold the lock while the keys may be fetched; say whether it could be had, for not everybody may wait."""
        if not self._places.acquire(timeout=PLACE_SECONDS):
            yield False
            return
        try:
            with remembered.lock:
                yield True
        finally:
            self._places.release()

    def _remembered(self, client_id: str, address: str) -> _Remembered:
        place = client_id, address
        with self._lock:
            if place not in self._by_address:
                if len(self._by_address) >= _MOST_CLIENTS:
                    # The one that came first; it is fetched again when it is needed.
                    self._by_address.pop(next(iter(self._by_address)))
                self._by_address[place] = _Remembered()
            return self._by_address[place]

    def _fetch(self, remembered: _Remembered, address: str, now: datetime) -> None:
        """Replace what is remembered, or note why that failed; called with the lock held."""
        if remembered.failed_at is not None and now < remembered.failed_at + FAILURE_PAUSE:
            return
        try:
            fetched = self._outbound.fetch(address, accept=_ACCEPT)
            keys = _read_document(fetched.body)
        except OutboundBusy as error:
            # Says nothing about the address: the next request asks it.
            remembered.fault = str(error)
            return
        except (OutboundError, ClientKeysUnavailable) as error:
            remembered.failed_at, remembered.fault = now, f"The client's jwks_uri cannot be used. {error}"
            return
        age = USUAL_AGE if fetched.max_age is None else timedelta(seconds=fetched.max_age)
        remembered.keys, remembered.failed_at = keys, None
        remembered.fetched_at, remembered.expires_at = now, now + min(max(age, LEAST_AGE), MOST_AGE)


def read(jwks: Mapping[str, Any]) -> tuple[ClientKey, ...]:
    """Return the keys of a set that can be used; the others are passed over (RFC 7517 section 5)."""
    return tuple(_read_key(jwk) for jwk in jwks["keys"] if isinstance(jwk, dict) and not public_keys.fault_of(jwk))


def _read_document(body: bytes) -> tuple[ClientKey, ...]:
    try:
        document = parse_object(body)
    except ValueError:
        raise ClientKeysUnavailable("It does not answer with a JWK set.") from None
    found = document.get("keys")
    if not isinstance(found, list):
        raise ClientKeysUnavailable("It does not answer with a JWK set.")
    if len(found) > public_keys.MOST_KEYS:
        raise ClientKeysUnavailable(f"It names more than {public_keys.MOST_KEYS} keys.")
    keys = read(document)
    if not keys:
        faults = [public_keys.fault_of(jwk) for jwk in found if isinstance(jwk, dict)]
        raise ClientKeysUnavailable(f"None of its keys can be used{f': {faults[0]}' if faults else '.'}")
    return keys


def _read_key(jwk: Mapping[str, Any]) -> ClientKey:
    operations = jwk.get("key_ops")
    return ClientKey(
        # The key's own members alone: what else the JWK says is decided on here.
        key=_KINDS[jwk["kty"]].import_key(
            {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
        ),
        kid=_text(jwk.get("kid")),
        kty=jwk["kty"],
        curve=str(jwk.get("crv", "")),
        use=_text(jwk.get("use")),
        alg=_text(jwk.get("alg")),
        operations=tuple(map(str, operations)) if isinstance(operations, list) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def verifies(keys: tuple[ClientKey, ...], jws: Jws) -> bool:
    """Tell whether *jws* was signed with one of *keys*; the caller has decided on its algorithm."""
    model = ALGORITHMS[jws.alg].model
    fitting = [key for key in keys if key.can_verify(jws.alg)]
    # A key that was registered without a kid may be meant by any.
    named = [key for key in fitting if jws.kid is None or key.kid in (None, jws.kid)]
    for one in named:
        try:
            if model.verify(jws.signing_input, jws.signature, one.key):
                return True
        except (ValueError, JoseError):
            continue
    return False
