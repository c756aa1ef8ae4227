"""Logos of clients: fetched once when they are registered or changed, kept here, shown from this site alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from idp.cache import bump
from idp.clients import pictures
from idp.clients.models import ClientLogo, ClientRow
from idp.db import end_reading, transaction
from idp.outbound import Outbound, OutboundError

if TYPE_CHECKING:
    from idp.clients.store import Client

LARGEST: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """A logo as it is served."""

    media_type: str
    content: bytes


def follow(outbound: Outbound, client: Client, now: datetime, *, before: str | None = None) -> str:
    """Fetch the logo of *client* when its ``logo_uri`` is not the one that it was *before*, or none is kept yet.

    Opens a transaction of its own once the picture is there; none may be open. A failure keeps the letter in place of
    the logo.

    Returns:
        Why there is no logo, in one sentence; nothing when there is one, or none was asked for.

    """
    uri = client.metadata.logo_uri
    if uri is None or (uri == before and client.logo is not None):
        return ""
    end_reading()
    try:
        content = outbound.fetch(uri, accept="image/png, image/jpeg, image/webp", limit=LARGEST).body
        media_type = pictures.media_type_of(content)
    except (OutboundError, pictures.NotAPicture) as error:
        return f"The logo could not be taken over. {error}"
    with transaction() as session:
        _keep(session, client.client_id, uri, Picture(media_type, content), now)
    return ""


def forget(session: Session, client_id: str) -> None:
    """Delete the logo of a client whose ``logo_uri`` has changed."""
    session.execute(delete(ClientLogo).where(ClientLogo.client_id == client_id))


def find(session: Session, digest: str) -> Picture | None:
    """Return the logo whose SHA-256 is *digest* (hexadecimal)."""
    row = session.execute(
        select(ClientLogo.media_type, ClientLogo.picture).where(ClientLogo.digest == digest).limit(1)
    ).first()
    return None if row is None else Picture(row.media_type, row.picture)


def _keep(session: Session, client_id: str, uri: str, picture: Picture, now: datetime) -> None:
    metadata = session.execute(
        select(ClientRow.metadata_json).where(ClientRow.client_id == client_id).with_for_update()
    ).scalar_one_or_none()
    if metadata is None or metadata.get("logo_uri") != uri:
        # Deleted or changed while the picture was under way.
        return
    forget(session, client_id)
    session.add(
        ClientLogo(
            client_id=client_id,
            digest=hashlib.sha256(picture.content).hexdigest(),
            media_type=picture.media_type,
            picture=picture.content,
            fetched_at=now,
        )
    )
    session.flush()
    bump(session)
