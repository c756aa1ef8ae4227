"""A new password, however it came to be: what was built on the old one ends, and the person is told.

Sessions and tokens end, links to choose another one stop working, and a mail says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from idp.accounts import recovery, store
from idp.audit import recovery_events
from idp.audit.log import record
from idp.deliveries import sign_outs
from idp.login import notices
from idp.tokens import revocation

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.audit.log import Actor

# How it came to be, as the audit log says it.
CHANGED: Final = "changed"
REQUIRED: Final = "required"
RECOVERED: Final = "recovered"
SET: Final = "set"


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The hash of a new password, how it came to be, and whether another one is to follow at the next sign-in."""

    password_hash: str
    how: str
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions and grants ended."""

    sessions: int
    grants: int


def change(
    session: Session, person: Person, new: NewPassword, *, keep: str | None = None, actor: Actor, now: datetime
) -> Ended:
    """Give *person*, who is locked, another password; every session but *keep* and every grant ends."""
    store.set_password_hash(session, person, new.password_hash, now, must_change=new.must_change)
    recovery.drop(session, person.id)
    ended = _end_access(session, person.id, keep=keep, now=now)
    event = recovery_events.PasswordChanged(
        target_id=person.id,
        target_name=person.username,
        sessions=ended.sessions,
        grants=ended.grants,
        how=new.how,
        must_change=new.must_change or None,
    )
    record(session, event, now=now, actor=actor)
    notices.tell(session, person, "password_changed", now=now, themselves=new.how != SET)
    return ended


def require(session: Session, person: Person, *, keep: str | None = None, actor: Actor, now: datetime) -> Ended:
    """Have *person* choose another password before they are next signed in; every session but *keep* ends."""
    store.require_new_password(session, person, now)
    ended = _end_access(session, person.id, keep=keep, now=now)
    event = recovery_events.PasswordChangeRequired(
        target_id=person.id, target_name=person.username, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=now, actor=actor)
    return ended


def _end_access(session: Session, person_id: str, *, keep: str | None, now: datetime) -> Ended:
    ended = sign_outs.end_all(session, person_id, now, keep=keep)
    return Ended(ended, revocation.revoke_person(session, person_id, now=now))
