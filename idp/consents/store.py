"""What each person allowed each app: remembered, extended, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from idp.consents.models import Consent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

_consents = cast("Table", Consent.__table__)
_GRANTED = select(_consents.c.scopes).where(
    _consents.c.person_id == bindparam("person_id"), _consents.c.client_id == bindparam("client_id")
)


def granted(session: Session, person_id: str, client_id: str) -> frozenset[str]:
    """Return every scope that the person has allowed the client so far."""
    row = session.execute(_GRANTED, {"person_id": person_id, "client_id": client_id}).first()
    return frozenset(row.scopes) if row else frozenset()


def remember(session: Session, person_id: str, client_id: str, scopes: Iterable[str], *, now: datetime) -> None:
    """Add *scopes* to what the person allows the client; what was allowed before stays."""
    # The row is locked from here on (SQLite: the whole database), so that two answers at once are both kept.
    lock = select(_consents.c.scopes).where(_consents.c.person_id == person_id, _consents.c.client_id == client_id)
    before = session.execute(lock.with_for_update()).first()
    merged = sorted({*scopes, *(before.scopes if before else ())})
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_consents).values(
        person_id=person_id, client_id=client_id, scopes=merged, granted_at=now, updated_at=now
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["person_id", "client_id"], set_={"scopes": merged, "updated_at": now}
        )
    )


def remove(session: Session, person_id: str, client_id: str) -> bool:
    """Forget what the person allowed the client; tell whether there was anything."""
    statement = delete(_consents).where(_consents.c.person_id == person_id, _consents.c.client_id == client_id)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def of_person(session: Session, person_id: str) -> Sequence[Consent]:
    """Return everything that the person allows, newest first."""
    statement = select(Consent).where(Consent.person_id == person_id).order_by(Consent.updated_at.desc())
    return session.execute(statement).scalars().all()
