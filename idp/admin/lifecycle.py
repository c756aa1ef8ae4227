"""What administrators do to people and groups, each with its entry in the audit log; the command line does the same.

Ending an account's access reaches over packages: its sessions, its grants and what was made from them end together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from idp.accounts import groups, store
from idp.audit import events
from idp.audit.log import Actor, record
from idp.sessions import store as sessions
from idp.tokens import revocation
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Group, Person


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


def add(session: Session, values: dict[str, Any], *, actor: Actor, now: datetime) -> Person:
    """Add a person; *values* as ``store.add`` takes them, and it raises the same."""
    person = store.add(session, **values, now=now)
    event = events.PersonCreated(
        target_id=person.id,
        target_name=person.username,
        username=person.username,
        email=person.email,
        is_admin=person.is_admin,
    )
    record(session, event, now=now, actor=actor)
    return person


def change(session: Session, person: Person, changes: dict[str, Any], *, actor: Actor, now: datetime) -> bool:
    """Change what is known of *person*; return whether anything was different. Raises what ``store.update`` does."""
    before = {field: getattr(person, field) for field in changes}
    store.update(session, person, changes=changes, now=now)
    made = tuple(_differences(before, {field: getattr(person, field) for field in changes}))
    if made:
        event = events.PersonChanged(target_id=person.id, target_name=person.username, changes=made)
        record(session, event, now=now, actor=actor)
    return bool(made)


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


def enable(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Let *person* sign in again; what ended stays ended. Return whether that changed anything."""
    if not store.set_disabled(session, person, False, now):
        return False
    record(session, events.PersonEnabled(target_id=person.id, target_name=person.username), now=now, actor=actor)
    return True


def sign_out_everywhere(session: Session, person: Person, *, actor: Actor, now: datetime) -> Reach:
    """End every session of *person* and every grant with what was made from it."""
    ended = _end_access(session, person, now)
    event = events.SessionsEnded(
        target_id=person.id, target_name=person.username, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=now, actor=actor)
    return ended


def set_password(session: Session, person: Person, password_hash: str, *, actor: Actor, now: datetime) -> Reach:
    """Give *person* another password; whoever was signed in with the old one is signed out."""
    store.set_password_hash(session, person, password_hash, now)
    ended = _end_access(session, person, now)
    event = events.PasswordChanged(
        target_id=person.id, target_name=person.username, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=now, actor=actor)
    return ended


def add_group(session: Session, name: str, *, actor: Actor, now: datetime) -> Group:
    """Add a group; raises what ``groups.add`` does."""
    group = groups.add(session, name, now)
    record(session, events.GroupCreated(target_id=group.id, target_name=group.name), now=now, actor=actor)
    return group


def rename_group(session: Session, group: Group, name: str, *, actor: Actor, now: datetime) -> bool:
    """Rename a group; return whether that changed anything. Raises what ``groups.rename`` does."""
    before = group.name
    groups.rename(session, group, name)
    if group.name == before:
        return False
    event = events.GroupRenamed(
        target_id=group.id, target_name=group.name, changes=(events.Change("name", before, group.name),)
    )
    record(session, event, now=now, actor=actor)
    return True


def delete_group(session: Session, group: Group, *, actor: Actor, now: datetime) -> int:
    """Delete a group; return how many people were in it."""
    members = groups.delete(session, group)
    event = events.GroupDeleted(target_id=group.id, target_name=group.name, members=members)
    record(session, event, now=now, actor=actor)
    return members


def add_member(session: Session, group: Group, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Put *person* into *group*; return whether that changed anything."""
    if not groups.add_member(session, group.id, person.id):
        return False
    event = events.GroupMemberAdded(
        target_id=person.id, target_name=person.username, group_id=group.id, group=group.name
    )
    record(session, event, now=now, actor=actor)
    return True


def remove_member(session: Session, group: Group, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Take *person* out of *group*; return whether that changed anything."""
    if not groups.remove_member(session, group.id, person.id):
        return False
    event = events.GroupMemberRemoved(
        target_id=person.id, target_name=person.username, group_id=group.id, group=group.name
    )
    record(session, event, now=now, actor=actor)
    return True


def _end_access(session: Session, person: Person, now: datetime) -> Reach:
    found = reach(session, person.id, now)
    ended = sessions.end_all(session, person.id, now)
    return Reach(ended, revocation.revoke_person(session, person.id, now=now), found.apps)


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[events.Change]:
    found = []
    for field, old in before.items():
        new = after[field]
        if field == "claims":
            names = sorted(old.keys() | new.keys())
            found += _differences({name: old.get(name) for name in names}, {name: new.get(name) for name in names})
        elif old != new:
            found.append(events.Change(field, _shown(old), _shown(new)))
    return found


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
