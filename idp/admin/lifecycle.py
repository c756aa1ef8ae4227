"""Ending a person's access, with its entry in the audit log; the command line does the same.

It reaches over packages: sessions, grants and all that was made from them end together with the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from idp.accounts import administration, store
from idp.audit import events
from idp.audit.log import Actor, record
from idp.audit.passkey_events import PasskeyRemoved
from idp.deliveries import sign_outs
from idp.login import notices, passkey_notices, password_changes
from idp.login.password_changes import SET, NewPassword
from idp.passkeys import store as passkeys
from idp.sessions import store as sessions
from idp.tokens import revocation
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.passkeys.models import Passkey


@dataclass(frozen=True, slots=True)
class Reach:
    """What ends with an account's access: sessions, and grants with how many apps they are for."""

    sessions: int
    grants: int
    apps: int


def reach(session: Session, person_id: str, now: datetime) -> Reach:
    """Count what ``disable`` or ``sign_out_everywhere`` would end."""
    counted = select(func.count(), func.count(Grant.client_id.distinct())).where(
        Grant.person_id == person_id, Grant.revoked_at.is_(None), Grant.expires_at > now
    )
    grants, apps = session.execute(counted).one()
    return Reach(len(sessions.live(session, person_id, now)), grants, apps)


def disable(session: Session, person: Person, *, actor: Actor, now: datetime) -> Reach:
    """Disable *person*: sessions end and tokens die; return how many. Twice changes nothing more.

    Raises:
        LastAdministrator: nobody would be left to administer.

    """
    if not store.set_disabled(session, person, True, now):
        return Reach(0, 0, 0)
    ended = _end_access(session, person, now)
    event = events.PersonDisabled(
        target_id=person.id, target_name=person.username, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=now, actor=actor)
    return ended


def sign_out_everywhere(session: Session, person: Person, *, actor: Actor, now: datetime) -> Reach:
    """End every session of *person* and every grant with what was made from it."""
    ended = _end_access(session, person, now)
    event = events.SessionsEnded(
        target_id=person.id, target_name=person.username, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=now, actor=actor)
    return ended


def change(session: Session, person: Person, changes: dict[str, Any], *, actor: Actor, now: datetime) -> bool:
    """Change what is known of *person*, and tell the old address of a new one; else as ``administration.change``."""
    old = person.email
    changed = administration.change(session, person, changes, actor=actor, now=now)
    if store.key_of(old) != person.email_key:
        notices.tell(session, person, "email_changed", now=now, to=old, old=old, new=person.email)
    return changed


def set_password(
    session: Session, person: Person, password_hash: str, *, must_change: bool, actor: Actor, now: datetime
) -> Reach:
    """Give *person* another password; whoever was signed in with the old one is signed out."""
    found = reach(session, person.id, now)
    new = NewPassword(password_hash, SET, must_change=must_change)
    ended = password_changes.change(session, person, new, actor=actor, now=now)
    return Reach(ended.sessions, ended.grants, found.apps)


def require_new_password(session: Session, person: Person, *, actor: Actor, now: datetime) -> Reach:
    """Have *person* choose another password at the next sign-in, before anything else; they are signed out."""
    found = reach(session, person.id, now)
    ended = password_changes.require(session, person, actor=actor, now=now)
    return Reach(ended.sessions, ended.grants, found.apps)


def remove_passkey(session: Session, person: Person, passkey: Passkey, *, actor: Actor, now: datetime) -> Reach:
    """Take a passkey from *person*; whoever was signed in, perhaps with it, is signed out."""
    passkeys.remove(session, passkey)
    ended = _end_access(session, person, now)
    event = PasskeyRemoved(
        target_id=person.id,
        target_name=person.username,
        passkey_id=passkey.id,
        name=passkey.name,
        sessions=ended.sessions,
        grants=ended.grants,
    )
    record(session, event, now=now, actor=actor)
    passkey_notices.tell_removed(session, person, passkey.name, by_administrator=True, now=now)
    return ended


def _end_access(session: Session, person: Person, now: datetime) -> Reach:
    found = reach(session, person.id, now)
    ended = sign_outs.end_all(session, person.id, now)
    return Reach(ended, revocation.revoke_person(session, person.id, now=now), found.apps)
