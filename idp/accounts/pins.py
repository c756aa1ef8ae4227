"""The apps that a person put at the top of their launcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from idp.accounts.models import PinnedApp

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_pins = cast("Table", PinnedApp.__table__)


def of_person(session: Session, person_id: str) -> frozenset[str]:
    """Return the clients that the person has pinned."""
    return frozenset(session.execute(select(_pins.c.client_id).where(_pins.c.person_id == person_id)).scalars())


def pin(session: Session, person_id: str, client_id: str, now: datetime) -> None:
    """Pin a client that exists; pinning it twice changes nothing."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    adding = dialect.insert(_pins).values(person_id=person_id, client_id=client_id, pinned_at=now)
    session.execute(adding.on_conflict_do_nothing())


def unpin(session: Session, person_id: str, client_id: str) -> None:
    """Take a pin away, if there is one."""
    session.execute(delete(_pins).where(_pins.c.person_id == person_id, _pins.c.client_id == client_id))
