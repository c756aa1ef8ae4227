"""The keys as one process holds them: read once per change, parsed once, with the key set made ready to send."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from idp import clock
from idp.keys import algorithms, store
from idp.keys.algorithms import ALGORITHMS, AsymmetricKey
from idp.keys.models import Canary, Installation, SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwa import JWSAlgModel
    from sqlalchemy import Engine
    from sqlalchemy.engine import Row

    from idp.cache import Cache
    from idp.keys.ledger import Ledger
    from idp.vault import Vault

_ENTRY: Final = ("keys", "ring")
_COLUMNS = (
    SigningKey.kid,
    SigningKey.name,
    SigningKey.alg,
    SigningKey.state,
    SigningKey.public_jwk,
    SigningKey.private_jwk,
)


@dataclass(slots=True)
class Parsed:
    """What is worth keeping of a key for as long as the process lives: nothing in it ever changes."""

    public: AsymmetricKey
    private: AsymmetricKey | None = None
    # Finished header segments, by typ.
    headers: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key, as of the last change."""

    kid: str
    name: str
    alg: str
    state: str
    model: JWSAlgModel
    parsed: Parsed
    _open: Callable[[], AsymmetricKey]

    def private(self) -> AsymmetricKey:
        """Return the private key, decrypted when it is first needed."""
        if self.parsed.private is None:
            self.parsed.private = self._open()
        return self.parsed.private


@dataclass(frozen=True, slots=True)
class Ring:
    """Every key that can verify anything, those that sign, the key set, and the not-before."""

    by_kid: dict[str, RingKey]
    # By algorithm.
    active: dict[str, RingKey]
    jwks: tuple[bytes, str]
    # NumericDate; tokens issued before it are refused.
    not_before: int
    # By client and algorithm: the next key, where it is tried with one client before it signs for all.
    canaries: dict[tuple[str, str], RingKey] = field(default_factory=dict)


class KeyRing:
    """Gives out the present ``Ring``; every process hears of a change within a second."""

    def __init__(self, cache: Cache, vault: Vault, engine: Engine, ledger: Ledger) -> None:
        self._cache = cache
        self._ledger = ledger
        self._vault = vault
        self._engine = engine
        self._parsed: dict[str, Parsed] = {}

    def current(self) -> Ring:
        """Return the keys as this process knows them; without touching the database but after a change."""
        ring = self._cache.get(_ENTRY, self._load_aside)
        if ring is None:
            message = "the cache lost the keys while they were read"
            raise RuntimeError(message)
        return ring

    def checked(self) -> Ring:
        """Return the keys after asking the database whether anything changed: for what the process does not know."""
        self._aside(lambda: self._cache.check(self._engine))
        return self.current()

    def _load_aside(self) -> Ring:
        found: list[Ring] = []
        self._aside(lambda: found.append(self._load()))
        return found[0]

    @staticmethod
    def _aside(work: Callable[[], None]) -> None:
        # In a context of its own: inside `transaction()` this connection would ask SQLite for the write lock that the
        # caller holds.
        contextvars.Context().run(work)

    def _load(self) -> Ring:
        statement = (
            select(*_COLUMNS)
            .where(SigningKey.state != store.REVOKED)
            .order_by(SigningKey.alg, SigningKey.published_at, SigningKey.kid)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
            not_before = connection.execute(select(Installation.not_before)).scalar()
            tried = connection.execute(select(Canary.client_id, Canary.kid).where(Canary.returned_at.is_(None))).all()
        keys = {row.kid: self._key(row) for row in rows}
        # What was revoked leaves the memory, too.
        self._parsed = {kid: key.parsed for kid, key in keys.items()}
        published = [
            store.public_member(row.kid, row.alg, row.public_jwk) for row in rows if row.state in store.PUBLISHED
        ]
        jwks = store.key_set(published)
        self._ledger.serves(jwks[1], [member["kid"] for member in published])
        following = {kid: key for kid, key in keys.items() if key.state == store.NEXT}
        return Ring(
            by_kid=keys,
            active={key.alg: key for key in keys.values() if key.state == store.ACTIVE},
            canaries={
                (row.client_id, following[row.kid].alg): following[row.kid] for row in tried if row.kid in following
            },
            jwks=jwks,
            not_before=clock.epoch_seconds(not_before) if not_before else 0,
        )

    def _key(self, row: Row[Any]) -> RingKey:
        kid, envelope = row.kid, row.private_jwk
        algorithm = ALGORITHMS[row.alg]
        parsed = self._parsed.get(kid) or Parsed(algorithms.parse(algorithm, row.public_jwk))

        def opened() -> AsymmetricKey:
            if envelope is None:
                message = f"the key {kid} has no private part"
                raise ValueError(message)
            text = self._vault.decrypt(envelope, place=store.place(kid))
            return algorithms.parse_private(algorithm, text)

        return RingKey(kid, row.name, row.alg, row.state, algorithm.model, parsed, opened)
