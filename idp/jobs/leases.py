"""A lease: which one of several background processes does a task at present."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, or_, update
from sqlalchemy.exc import IntegrityError

from idp.jobs.models import Lease

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session


def take(session: Session, name: str, *, holder: str, lifetime: timedelta, now: datetime) -> bool:
    """Take or renew the lease *name*; false when another holder has it."""
    taken = session.execute(
        update(Lease)
        .where(Lease.name == name, or_(Lease.holder == holder, Lease.expires_at <= now))
        .values(holder=holder, expires_at=now + lifetime)
        .returning(Lease.name)
    )
    if taken.first() is not None:
        return True
    try:
        with session.begin_nested():
            session.execute(insert(Lease).values(name=name, holder=holder, expires_at=now + lifetime))
    except IntegrityError:
        return False
    return True
