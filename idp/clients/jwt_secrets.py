"""The HMAC secrets that a client of the JWT redirect shares with this server; never its client secret.

One of them signs. A second one may be live beside it, so that one can replace the other without a gap: it is made, the
app is told of it, it signs from then on, and the one before is removed when nothing needs it any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update

from idp import cache, opaque
from idp.clients.models import ClientRow
from idp.errors import Conflict, FieldErrors, NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.vault import Vault

# What an HMAC key has at least (RFC 7518 section 3.2), in the characters that both sides use as its bytes.
LEAST_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_CHOSEN: Final = re.compile(r"[\x21-\x7e]{32,200}")


@dataclass(frozen=True, slots=True)
class JwtSecretFacts:
    """What may be known of a live secret after it was shown: how it ends, since when, and whether it signs."""

    hint: str
    created_at: datetime | None
    signs: bool


def check_chosen(value: str, alg: str) -> str:
    """Return *value* when it may be a secret that the other side made for *alg*.

    Raises:
        FieldErrors: it is too short, or has other characters than those of a keyboard.

    """
    least = LEAST_BYTES.get(alg, max(LEAST_BYTES.values()))
    if not _CHOSEN.fullmatch(value) or len(value) < least:
        sentence = f"Use {least} to 200 letters, digits and signs without spaces: {alg} needs a secret of that length."
        raise FieldErrors({"jwt_secret": sentence})
    return value


def replace(session: Session, vault: Vault, client_id: str, now: datetime) -> str:
    """Make a new secret of 32 random bytes that signs at once, and return it as the text that both sides use as key.

    It cannot be read again; tokens signed with those before are worth nothing from now on.

    Raises:
        NotFound: there is no such client.

    """
    # 64 hexadecimal characters: what the strictest of the apps takes, and long enough for HS512.
    secret = opaque.hexadecimal(32)
    changed = session.execute(
        update(ClientRow)
        .where(ClientRow.client_id == client_id)
        .values(
            jwt_secret=_sealed(vault, client_id, secret),
            jwt_secret_at=now,
            jwt_secret_other=None,
            jwt_secret_other_at=None,
            updated_at=now,
        )
        .returning(ClientRow.client_id)
    )
    if changed.first() is None:
        raise NotFound("There is no such app.")
    cache.bump(session)
    return secret


def add(session: Session, vault: Vault, client_id: str, now: datetime, *, chosen: str | None = None) -> str:
    """Give the client a second secret, which does not sign yet, and return it.

    Raises:
        Conflict: two are live already, or there is none to add to.

    """
    secret = chosen if chosen is not None else opaque.hexadecimal(32)
    changed = session.execute(
        update(ClientRow)
        .where(
            ClientRow.client_id == client_id, ClientRow.jwt_secret.is_not(None), ClientRow.jwt_secret_other.is_(None)
        )
        .values(jwt_secret_other=_sealed(vault, client_id, secret), jwt_secret_other_at=now, updated_at=now)
        .returning(ClientRow.client_id)
    )
    if changed.first() is None:
        raise Conflict("Two secrets are live already. Remove the one that does not sign, then add another.")
    cache.bump(session)
    return secret


def switch(session: Session, client_id: str, now: datetime) -> None:
    """Sign with the other secret from now on; the one that signed stays until it is removed.

    Raises:
        Conflict: there is no other.

    """
    changed = session.execute(
        # The right sides are the values before, so this exchanges the two.
        update(ClientRow)
        .where(ClientRow.client_id == client_id, ClientRow.jwt_secret_other.is_not(None))
        .values(
            jwt_secret=ClientRow.jwt_secret_other,
            jwt_secret_at=ClientRow.jwt_secret_other_at,
            jwt_secret_other=ClientRow.jwt_secret,
            jwt_secret_other_at=ClientRow.jwt_secret_at,
            updated_at=now,
        )
        .returning(ClientRow.client_id)
    )
    if changed.first() is None:
        raise Conflict("There is no other secret to sign with. Add one first.")
    cache.bump(session)


def remove_other(session: Session, client_id: str, now: datetime) -> None:
    """End the secret that does not sign.

    Raises:
        Conflict: there is none.

    """
    changed = session.execute(
        update(ClientRow)
        .where(ClientRow.client_id == client_id, ClientRow.jwt_secret_other.is_not(None))
        .values(jwt_secret_other=None, jwt_secret_other_at=None, updated_at=now)
        .returning(ClientRow.client_id)
    )
    if changed.first() is None:
        raise Conflict("This secret is gone already.")
    cache.bump(session)


def forget(session: Session, client_id: str) -> None:
    """Delete the secrets of a client that does not use one any more."""
    session.execute(
        update(ClientRow)
        .where(ClientRow.client_id == client_id)
        .values(jwt_secret=None, jwt_secret_at=None, jwt_secret_other=None, jwt_secret_other_at=None)
    )
    cache.bump(session)


def live(session: Session, vault: Vault, client_id: str) -> list[JwtSecretFacts]:
    """Return what may be known of the client's secrets; the one that signs comes first."""
    row = session.execute(
        select(
            ClientRow.jwt_secret, ClientRow.jwt_secret_at, ClientRow.jwt_secret_other, ClientRow.jwt_secret_other_at
        ).where(ClientRow.client_id == client_id)
    ).one()
    return [
        JwtSecretFacts(key_bytes(vault, client_id, envelope)[-4:].decode(), created_at, signs)
        for envelope, created_at, signs in ((row[0], row[1], True), (row[2], row[3], False))
        if envelope is not None
    ]


def keys(vault: Vault, client: Client) -> list[bytes]:
    """Return the keys of *client*: the one that signs, then the other; none where nothing is signed with a secret."""
    envelopes = (client.jwt_secret, client.jwt_secret_other)
    return [key_bytes(vault, client.client_id, envelope) for envelope in envelopes if envelope is not None]


def suit(vault: Vault, client: Client, alg: str) -> bool:
    """Tell whether *client* has a secret, and every one that it has is long enough for *alg*."""
    found = keys(vault, client)
    return bool(found) and all(len(key) >= LEAST_BYTES[alg] for key in found)


def key_bytes(vault: Vault, client_id: str, envelope: str) -> bytes:
    """Return the HMAC key out of its encrypted form: the bytes of the text that was shown."""
    return vault.decrypt(envelope, place=place(client_id))


def place(client_id: str) -> str:
    """Return what both envelopes of a client are bound to; they change places without being opened."""
    return f"clients/{client_id}/jwt_secret"


def _sealed(vault: Vault, client_id: str, secret: str) -> str:
    return vault.encrypt(secret.encode(), place=place(client_id))
