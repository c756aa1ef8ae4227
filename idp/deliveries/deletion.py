"""Deleting a person for good: sessions end and apps are told, tokens die, and only the audit log remembers the id.

It reaches over packages, and both people themselves and administrators come to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from idp.accounts import groups, store
from idp.audit import account_events as events
from idp.audit.log import Actor, record
from idp.consents.models import Consent
from idp.deliveries import sign_outs
from idp.sessions import store as sessions
from idp.tokens import revocation
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person


@dataclass(frozen=True, slots=True)
class Reach:
    """What goes with an account: live sessions and grants, apps that know the person, groups they are in."""

    sessions: int
    grants: int
    apps: int
    groups: int
    is_last_administrator: bool


def reach(session: Session, person: Person, now: datetime) -> Reach:
    """Count what ``delete`` would end."""
    held = select(Grant.client_id).where(
        Grant.person_id == person.id, Grant.revoked_at.is_(None), Grant.expires_at > now
    )
    allowed = select(Consent.client_id).where(Consent.person_id == person.id)
    grants = session.execute(select(func.count()).select_from(held.subquery())).scalar_one()
    apps = session.execute(select(func.count()).select_from(held.union(allowed).subquery())).scalar_one()
    works = person.is_admin and person.disabled_at is None
    return Reach(
        sessions=len(sessions.live(session, person.id, now)),
        grants=grants,
        apps=apps,
        groups=len(groups.names_of(session, person.id)),
        is_last_administrator=works and store.admin_count(session) == 1,
    )


def delete(session: Session, person: Person, *, actor: Actor, now: datetime) -> Reach:
    """Delete *person*, and return what went with them. The id is never given to anybody else.

    Raises:
        LastAdministrator: nobody would be left to administer; nothing was changed.

    """
    store.ensure_not_last_admin(session, person)
    store.find(session, person.id, lock=True)
    found = reach(session, person, now)
    # Told by what outlives the account: each delivery keeps the subject.
    ended = sign_outs.end_all(session, person.id, now)
    grants = revocation.revoke_person(session, person.id, now=now)
    event = events.PersonDeleted(
        target_id=person.id,
        target_name=person.username,
        sessions=ended,
        grants=grants,
        own=actor.id == person.id,
    )
    record(session, event, now=now, actor=actor)
    store.delete(session, person)
    return found
