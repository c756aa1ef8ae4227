"""The HMAC secret that a client of the JWT redirect shares with this server; never its client secret."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from idp import cache, opaque
from idp.clients.models import ClientRow
from idp.errors import NotFound
from idp.vault import Vault


def replace(session: Session, vault: Vault, client_id: str, now: datetime) -> str:
    """Make a new secret of 32 random bytes, and return it as the text that both sides use as their key.

    It cannot be read again; tokens signed with the one before are worth nothing from now on.

    Raises:
        NotFound: there is no such client.

    """
    secret = opaque.token(32)
    changed = session.execute(
        update(ClientRow)
        .where(ClientRow.client_id == client_id)
        .values(jwt_secret=vault.encrypt(secret.encode(), place=_place(client_id)), updated_at=now)
        .returning(ClientRow.client_id)
    )
    if changed.first() is None:
        raise NotFound("There is no such app.")
    cache.bump(session)
    return secret


def forget(session: Session, client_id: str) -> None:
    """Delete the secret of a client that does not use one any more."""
    session.execute(update(ClientRow).where(ClientRow.client_id == client_id).values(jwt_secret=None))
    cache.bump(session)


def key_bytes(vault: Vault, client_id: str, envelope: str) -> bytes:
    """Return the HMAC key out of its encrypted form: the bytes of the text that was shown."""
    return vault.decrypt(envelope, place=_place(client_id))


def _place(client_id: str) -> str:
    return f"clients/{client_id}/jwt_secret"
