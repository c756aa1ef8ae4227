"""Which second factors people have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.factors.models import SecondFactor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

TOTP: Final = "totp"
EMAIL: Final = "email"


def find(session: Session, person_id: str, kind: str) -> SecondFactor | None:
    """Return the person's second factor of this *kind*."""
    query = select(SecondFactor).where(SecondFactor.person_id == person_id, SecondFactor.kind == kind)
    return session.execute(query).scalar_one_or_none()


def of_person(session: Session, person_id: str) -> Sequence[SecondFactor]:
    """Return what the person has, the oldest first."""
    query = select(SecondFactor).where(SecondFactor.person_id == person_id).order_by(SecondFactor.created_at)
    return session.execute(query).scalars().all()


def put(session: Session, row: SecondFactor) -> None:
    """Add *row* in place of what the person had of its kind. The caller holds the person locked."""
    remove(session, row.person_id, row.kind)
    session.add(row)
    session.flush()


def new(person_id: str, kind: str, now: datetime) -> SecondFactor:
    """Return a second factor that is not yet kept."""
    return SecondFactor(id=opaque.new_id("fac"), person_id=person_id, kind=kind, created_at=now)


def remove(session: Session, person_id: str, kind: str) -> bool:
    """Take a second factor away; tell whether there was one."""
    removing = delete(SecondFactor).where(SecondFactor.person_id == person_id, SecondFactor.kind == kind)
    done = session.execute(removing.execution_options(synchronize_session="evaluate"))
    return cast("CursorResult[Any]", done).rowcount > 0


def pause(session: Session, person_id: str, kind: str, now: datetime) -> None:
    """Let a second factor wait until ``resume``; somebody who has none of this *kind* is passed over."""
    _set_paused(session, person_id, kind, now)


def resume(session: Session, person_id: str, kind: str) -> None:
    """Let a second factor count again."""
    _set_paused(session, person_id, kind, None)


def _set_paused(session: Session, person_id: str, kind: str, at: datetime | None) -> None:
    session.execute(
        update(SecondFactor)
        .where(SecondFactor.person_id == person_id, SecondFactor.kind == kind)
        .values(paused_at=at)
        .execution_options(synchronize_session="evaluate")
    )


def note_use(session: Session, factor_id: str, now: datetime) -> None:
    """Remember when a second factor was used last."""
    session.execute(
        update(SecondFactor)
        .where(SecondFactor.id == factor_id)
        .values(last_used_at=now)
        .execution_options(synchronize_session="evaluate")
    )
