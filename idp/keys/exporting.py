"""Public keys to take away: the key set as apps see it, or one key as PEM or JWK. Private parts never leave."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from idp.audit import events
from idp.audit.log import Actor, record
from idp.keys import algorithms, store

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.keys.models import SigningKey


def key_set(session: Session, *, now: datetime, by: Actor) -> bytes:
    """Return the published key set (RFC 7517 section 5), and write down who took it."""
    body, _ = store.public_set(session)
    kids = tuple(member["kid"] for member in json.loads(body)["keys"])
    record(session, events.KeyExported(target_name="key set", kids=kids), now=now, actor=by)
    return body


def one(session: Session, key: SigningKey, *, now: datetime, by: Actor) -> str:
    """Return the public part of *key* as PEM, and write down who took it."""
    record(session, events.KeyExported(target_id=key.kid, target_name=key.name, kids=(key.kid,)), now=now, actor=by)
    return pem(key)


def pem(key: SigningKey) -> str:
    """Return the public part of *key* as PEM (SubjectPublicKeyInfo)."""
    return algorithms.public_pem(algorithms.ALGORITHMS[key.alg], key.public_jwk)


def jwk(key: SigningKey) -> dict[str, Any]:
    """Return the public part of *key* as the key set shows it."""
    return store.public_member(key.kid, key.alg, key.public_jwk)
