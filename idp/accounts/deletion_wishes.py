"""That somebody wants their account deleted: asked by the person, decided by an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from idp.accounts.models import Person
from idp.audit import account_events as events
from idp.audit.log import Actor, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

MOST_SHOWN = 20


def ask(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Note that *person* wants to be deleted; return whether that is news."""
    if person.deletion_asked_at is not None:
        return False
    person.deletion_asked_at = now
    event = events.AccountDeletionAsked(target_id=person.id, target_name=person.username)
    record(session, event, now=now, actor=actor)
    return True


def drop(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Forget the wish, as the person or an administrator says; return whether there was one."""
    if person.deletion_asked_at is None:
        return False
    person.deletion_asked_at = None
    event = events.AccountDeletionDropped(target_id=person.id, target_name=person.username)
    record(session, event, now=now, actor=actor)
    return True


def waiting(session: Session) -> Sequence[Person]:
    """Return who waits to be deleted, the longest waiting first; not more than ``MOST_SHOWN``."""
    query = select(Person).where(Person.deletion_asked_at.is_not(None)).order_by(Person.deletion_asked_at, Person.id)
    return session.execute(query.limit(MOST_SHOWN)).scalars().all()
