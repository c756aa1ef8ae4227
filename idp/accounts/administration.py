"""Changes to people and groups that need nothing but the account itself, each with its entry in the audit log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from idp.accounts import groups, links, store
from idp.audit import events
from idp.audit.factor_events import GroupSecondFactorChanged
from idp.audit.log import Actor, record

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Group, Person


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
    if before.get("email", person.email) != person.email:
        # What was sent to the old address must not let its reader in any more.
        links.drop(session, person.id)
    if made:
        event = events.PersonChanged(target_id=person.id, target_name=person.username, changes=made)
        record(session, event, now=now, actor=actor)
    return bool(made)


def enable(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Let *person* sign in again; what ended stays ended. Return whether that changed anything."""
    if not store.set_disabled(session, person, False, now):
        return False
    record(session, events.PersonEnabled(target_id=person.id, target_name=person.username), now=now, actor=actor)
    return True


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


def require_second_factor(session: Session, group: Group, *, required: bool, actor: Actor, now: datetime) -> bool:
    """Make the members of *group* sign in with two factors, or no longer; return whether that changed anything."""
    if group.requires_second_factor == required:
        return False
    group.requires_second_factor = required
    session.flush()
    change = events.Change("second_factor", *(("allowed", "required") if required else ("required", "allowed")))
    event = GroupSecondFactorChanged(target_id=group.id, target_name=group.name, changes=(change,))
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
