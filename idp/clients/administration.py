"""What administrators do to clients, each with its entry in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.audit.events import (
    Change,
    ClientChanged,
    ClientCreated,
    ClientDeleted,
    ClientDisabled,
    ClientEnabled,
    ClientJwtSecretAdded,
    ClientJwtSecretRemoved,
    ClientJwtSecretReplaced,
    ClientJwtSecretSwitched,
    ClientSecretAdded,
    ClientSecretRemoved,
)
from idp.audit.log import Actor, record
from idp.clients import jwt_secrets, secrets, store
from idp.clients.metadata import ClientMetadata
from idp.clients.registration import Registration
from idp.clients.store import Client, Created
from idp.errors import Conflict, NotFound
from idp.vault import Vault


def register(session: Session, vault: Vault, registration: Registration, *, actor: Actor, now: datetime) -> Created:
    """Register a client; see ``store.create``."""
    created = store.create(session, vault, registration, now)
    client = created.client
    event = ClientCreated(
        target_id=client.client_id, target_name=client.name, redirect_uris=client.metadata.redirect_uris
    )
    record(session, event, now=now, actor=actor)
    return created


def change(
    session: Session, vault: Vault, client_id: str, metadata: ClientMetadata, *, actor: Actor, now: datetime
) -> Created:
    """Replace a client's metadata; see ``store.update``. Nothing is written down when nothing changed."""
    before, changed = store.update(session, vault, client_id, metadata, now)
    changes = tuple(_changes(before.metadata.as_json(), changed.client.metadata.as_json()))
    if changes:
        event = ClientChanged(target_id=client_id, target_name=changed.client.name, changes=changes)
        record(session, event, now=now, actor=actor)
    return changed


def disable(session: Session, client_id: str, *, actor: Actor, now: datetime) -> Client:
    """Switch a client off: sign-ins and tokens stop within a second, and come back when it is enabled."""
    client = store.set_disabled(session, client_id, disabled=True, now=now)
    record(session, ClientDisabled(target_id=client_id, target_name=client.name), now=now, actor=actor)
    return client


def enable(session: Session, client_id: str, *, actor: Actor, now: datetime) -> Client:
    """Switch a client on again."""
    client = store.set_disabled(session, client_id, disabled=False, now=now)
    record(session, ClientEnabled(target_id=client_id, target_name=client.name), now=now, actor=actor)
    return client


def delete(session: Session, client_id: str, *, grants: int, people: int, actor: Actor, now: datetime) -> Client:
    """Delete a client with everything granted to it: *grants* of so many *people*."""
    client = store.remove(session, client_id)
    event = ClientDeleted(target_id=client_id, target_name=client.name, grants=grants, people=people)
    record(session, event, now=now, actor=actor)
    return client


def add_secret(session: Session, vault: Vault, client_id: str, *, actor: Actor, now: datetime) -> str:
    """Give a client a second secret, and return it.

    Raises:
        NotFound: there is no such client.
        Conflict: two are live already, or the client cannot keep a secret.

    """
    client = _found(session, client_id)
    if not client.metadata.needs_secret:
        raise Conflict("This app does not authenticate with a secret.")
    secret_id, secret = secrets.add(session, vault, client_id, now)
    event = ClientSecretAdded(target_id=client_id, target_name=client.name, secret_id=secret_id)
    record(session, event, now=now, actor=actor)
    return secret


def remove_secret(session: Session, client_id: str, secret_id: str, *, actor: Actor, now: datetime) -> None:
    """End one of a client's secrets; see ``secrets.remove``."""
    client = _found(session, client_id)
    secrets.remove(session, client_id, secret_id)
    event = ClientSecretRemoved(target_id=client_id, target_name=client.name, secret_id=secret_id)
    record(session, event, now=now, actor=actor)


def replace_jwt_secret(session: Session, vault: Vault, client_id: str, *, actor: Actor, now: datetime) -> str:
    """Replace every HMAC secret of a client of the JWT redirect by a new one that signs at once, and return it.

    Raises:
        NotFound: there is no such client.
        Conflict: the client's tokens are not signed with a shared secret.

    """
    client = _sharing(session, client_id)
    secret = jwt_secrets.replace(session, vault, client_id, now)
    record(session, ClientJwtSecretReplaced(target_id=client_id, target_name=client.name), now=now, actor=actor)
    return secret


def add_jwt_secret(
    session: Session, vault: Vault, client_id: str, *, actor: Actor, now: datetime, chosen: str = ""
) -> str:
    """Give a client of the JWT redirect a second HMAC secret, which does not sign yet, and return it.

    Raises:
        NotFound: there is no such client.
        Conflict: two are live already, or the client's tokens are not signed with a shared secret.
        FieldErrors: *chosen*, the one that the other side made, cannot be used.

    """
    client = _sharing(session, client_id)
    alg = client.metadata.jwt_sso.alg if client.metadata.jwt_sso else ""
    accepted = jwt_secrets.check_chosen(chosen, alg) if chosen else None
    secret = jwt_secrets.add(session, vault, client_id, now, chosen=accepted)
    record(session, ClientJwtSecretAdded(target_id=client_id, target_name=client.name), now=now, actor=actor)
    return secret


def switch_jwt_secret(session: Session, client_id: str, *, actor: Actor, now: datetime) -> None:
    """Sign a client's tokens with its other HMAC secret; see ``jwt_secrets.switch``."""
    client = _sharing(session, client_id)
    jwt_secrets.switch(session, client_id, now)
    record(session, ClientJwtSecretSwitched(target_id=client_id, target_name=client.name), now=now, actor=actor)


def remove_jwt_secret(session: Session, client_id: str, *, actor: Actor, now: datetime) -> None:
    """End the HMAC secret of a client that does not sign; see ``jwt_secrets.remove_other``."""
    client = _sharing(session, client_id)
    jwt_secrets.remove_other(session, client_id, now)
    record(session, ClientJwtSecretRemoved(target_id=client_id, target_name=client.name), now=now, actor=actor)


def _sharing(session: Session, client_id: str) -> Client:
    client = _found(session, client_id)
    if client.metadata.jwt_sso is None or not client.metadata.jwt_sso.is_symmetric:
        raise Conflict("The tokens of this app are not signed with a shared secret.")
    return client


def _found(session: Session, client_id: str) -> Client:
    client = store.read(session, client_id)
    if client is None:
        raise NotFound("There is no such app.")
    return client


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Change(name, _shown(old), _shown(new))


def _shown(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        return " ".join(str(entry) for entry in value)
    return json.dumps(value, ensure_ascii=False)
