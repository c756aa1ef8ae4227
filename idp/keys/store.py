"""Signing keys as they are kept: made, named, encrypted, published.

Making a key is slow, so it happens in ``make``, outside of any transaction; the rows come after.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError

from idp import cache
from idp.audit import events
from idp.audit.log import SYSTEM, Actor, record
from idp.db import transaction
from idp.errors import FieldErrors
from idp.keys import algorithms
from idp.keys.algorithms import ALGORITHMS, FIRST, AsymmetricKey
from idp.keys.models import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from idp.vault import Vault

NEXT: Final = "next"
ACTIVE: Final = "active"
RETIRING: Final = "retiring"
RETIRED: Final = "retired"
REVOKED: Final = "revoked"
# What stands in the key set.
PUBLISHED: Final = (NEXT, ACTIVE, RETIRING)


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that has no row yet; the private part is encrypted already, or absent."""

    kid: str
    alg: str
    public_jwk: dict[str, Any]
    private_jwk: str | None


def place(kid: str) -> str:
    """Return what the encrypted private part of *kid* is bound to."""
    return f"signing_keys/{kid}/private_jwk"


def seal(vault: Vault, alg: str, key: AsymmetricKey) -> MadeKey:
    """Encrypt *key*; its kid is its thumbprint (RFC 7638), whatever it was called before."""
    public = algorithms.public_jwk(key)
    kid = algorithms.parse(ALGORITHMS[alg], public).thumbprint()
    private = vault.encrypt(algorithms.private_jwk(key), place=place(kid)) if key.is_private else None
    return MadeKey(kid, alg, public, private)


def make(vault: Vault, alg: str) -> MadeKey:
    """Make a key for *alg*. Slow: no transaction may be open.

    Raises:
        FieldErrors: no key can be made for this algorithm.

    """
    algorithm = algorithm_named(alg)
    made = seal(vault, alg, algorithms.generate(algorithm))
    while made.kid.startswith("-"):
        # On a command line it would be taken for an option.
        made = seal(vault, alg, algorithms.generate(algorithm))
    return made


def algorithm_named(alg: str) -> algorithms.Algorithm:
    """Return the algorithm called *alg*.

    Raises:
        FieldErrors: there is none.

    """
    found = ALGORITHMS.get(alg)
    if found is None:
        raise FieldErrors({"alg": f"Choose one of {', '.join(ALGORITHMS)}."})
    return found


def add(session: Session, made: MadeKey, *, state: str, now: datetime) -> str:
    """Insert the key *made*, published from *now* on, and return its name: the month in which it came."""
    name = _free_name(session, ALGORITHMS[made.alg].initial, now)
    session.execute(
        insert(SigningKey).values(
            kid=made.kid,
            name=name,
            alg=made.alg,
            state=state,
            public_jwk=made.public_jwk,
            private_jwk=made.private_jwk,
            created_at=now,
            published_at=now,
            activated_at=now if state == ACTIVE else None,
            retiring_at=now if state == RETIRING else None,
        )
    )
    cache.bump(session)
    return name


def _free_name(session: Session, initial: str, now: datetime) -> str:
    stem = f"{initial}-{now:%Y-%m}"
    taken = set(session.execute(select(SigningKey.name).where(SigningKey.name.startswith(stem))).scalars())
    letters = (f"{stem}-{letter}" for letter in ascii_lowercase[1:])
    numbers = (f"{stem}-{number}" for number in range(len(ascii_lowercase) + 1, len(taken) + 100))
    return next(name for name in (stem, *letters, *numbers) if name not in taken)


def create_first_keys(session: Session, vault: Vault, now: datetime) -> None:
    """Make the keys that every installation has, each with the one that follows it; nothing when they are there.

    Opens transactions of its own, so none may be open.
    """
    for alg in FIRST:
        ensure_algorithm(session, vault, alg, now)


def ensure_algorithm(session: Session, vault: Vault, alg: str, now: datetime, *, by: Actor = SYSTEM) -> bool:
    """See to it that something signs with *alg*; tell whether keys had to be made.

    The first key of an algorithm may sign at once: nobody can hold a key set in which it is missed. Opens a
    transaction of its own, after the keys were made, so none may be open; call it before the change that needs it.

    Raises:
        FieldErrors: no key can be made for this algorithm.

    """
    algorithm_named(alg)
    known = session.execute(select(SigningKey.kid).where(SigningKey.alg == alg, SigningKey.state == ACTIVE)).first()
    session.rollback()
    if known is not None:
        return False
    pair = (make(vault, alg), make(vault, alg))
    with transaction() as writing:
        try:
            with writing.begin_nested():
                for made, state in zip(pair, (ACTIVE, NEXT), strict=True):
                    name = add(writing, made, state=state, now=now)
                    event = events.KeyCreated(target_id=made.kid, target_name=name, alg=alg, state=state)
                    record(writing, event, now=now, actor=by)
        except IntegrityError:
            # Another server was faster; its keys serve as well.
            return False
    return True


def all_keys(session: Session) -> list[SigningKey]:
    """Return every key there ever was: by algorithm, then as they follow one another, the newest first."""
    names, states = list(ALGORITHMS), (NEXT, ACTIVE, RETIRING, RETIRED, REVOKED)

    def order(key: SigningKey) -> tuple[int, int, float, str]:
        latest = (key.activated_at or key.published_at).timestamp()
        return names.index(key.alg), states.index(key.state), -latest, key.kid

    return sorted(_read(session, select(SigningKey)), key=order)


def find(session: Session, kid: str) -> SigningKey | None:
    """Return the key *kid* as it is now."""
    return next(iter(_read(session, select(SigningKey).where(SigningKey.kid == kid))), None)


def find_named(session: Session, kid_or_name: str) -> SigningKey | None:
    """Return the key with this kid or, for people, this name."""
    statement = select(SigningKey).where(or_(SigningKey.kid == kid_or_name, SigningKey.name == kid_or_name))
    return next(iter(_read(session, statement)), None)


def of_algorithm(session: Session, alg: str) -> list[SigningKey]:
    """Return the keys of *alg*, the one published longest first."""
    statement = select(SigningKey).where(SigningKey.alg == alg)
    return _read(session, statement.order_by(SigningKey.published_at, SigningKey.kid))


def _read(session: Session, statement: Select[SigningKey]) -> list[SigningKey]:
    keys = list(session.execute(statement.execution_options(populate_existing=True)).scalars())
    for key in keys:
        # Let go of, so that it stays what was read: the session would read it again after a rollback, and whoever
        # compares it with the row later would compare the row with itself.
        session.expunge(key)
    return keys


def in_state(keys: Iterable[SigningKey], state: str) -> list[SigningKey]:
    """Return those of *keys* that are in *state*, in their order."""
    return [key for key in keys if key.state == state]


def public_member(kid: str, alg: str, public_jwk: dict[str, Any]) -> dict[str, Any]:
    """Return one key as the key set shows it (RFC 7517 section 4): public members, use, alg and kid."""
    allowed = ("kty", "n", "e", "crv", "x", "y")
    return {
        **{name: public_jwk[name] for name in allowed if name in public_jwk},
        "use": "sig",
        "alg": alg,
        "kid": kid,
    }


def key_set(members: Sequence[dict[str, Any]]) -> tuple[bytes, str]:
    """Return a JWK Set (RFC 7517 section 5) and its strong entity tag."""
    body = json.dumps({"keys": list(members)}, separators=(",", ":")).encode()
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def public_set(session: Session) -> tuple[bytes, str]:
    """Return the published key set and its strong entity tag."""
    statement = (
        select(SigningKey.kid, SigningKey.alg, SigningKey.public_jwk)
        .where(SigningKey.state.in_(PUBLISHED))
        .order_by(SigningKey.alg, SigningKey.published_at, SigningKey.kid)
    )
    return key_set([public_member(row.kid, row.alg, row.public_jwk) for row in session.execute(statement)])
