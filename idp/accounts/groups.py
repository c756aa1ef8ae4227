"""Groups: named sets of people; the name is the value in the ``groups`` claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete as delete_from
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from idp import opaque
from idp.accounts.models import Group, Membership, Person
from idp.accounts.names import has_control, key_of
from idp.accounts.paging import PAGE_SIZE, Slice, Span, take
from idp.errors import FieldErrors
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group and how many people are in it."""

    id: str
    name: str
    members: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GroupPage:
    """One page of groups in the order of their names, and the keys from which to go on."""

    groups: Sequence[GroupLine]
    total: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One page of a group's members in the order of their user names, and the keys from which to go on."""

    people: Sequence[Person]
    total: int
    before: str | None
    after: str | None


def find(session: Session, group_id: str) -> Group | None:
    """Return the group *group_id*."""
    # PostgreSQL refuses to compare with a zero byte.
    return None if "\0" in group_id else session.get(Group, group_id)


def find_by_name(session: Session, name: str) -> Group | None:
    """Return the group called *name*, in any spelling that means the same."""
    key = key_of(name)
    return None if "\0" in key else session.execute(select(Group).where(Group.name_key == key)).scalar_one_or_none()


def add(session: Session, name: str, now: datetime) -> Group:
    """Add a group.

    Raises:
        FieldErrors: ``name`` cannot be taken; nothing was written.

    """
    name = _checked(name)
    group = Group(id=opaque.new_id("grp"), name=name, name_key=key_of(name), created_at=now)
    try:
        with session.begin_nested():
            session.add(group)
    except IntegrityError as error:
        raise FieldErrors({"name": say("There is a group of this name already.")}) from error
    return group


def rename(session: Session, group: Group, name: str) -> None:
    """Give *group* another name: apps see the new one in the next token.

    Raises:
        FieldErrors: ``name`` cannot be taken; nothing was written.

    """
    name = _checked(name)
    try:
        with session.begin_nested():
            group.name, group.name_key = name, key_of(name)
            session.flush()
    except IntegrityError as error:
        session.refresh(group)
        raise FieldErrors({"name": say("There is a group of this name already.")}) from error


def delete(session: Session, group: Group) -> int:
    """Delete *group*; return how many people were in it."""
    members = member_count(session, group.id)
    session.delete(group)
    session.flush()
    return members


def add_member(session: Session, group_id: str, person_id: str) -> bool:
    """Put a person into a group; return whether that changed anything."""
    try:
        with session.begin_nested():
            session.execute(insert(Membership).values(group_id=group_id, person_id=person_id))
    except IntegrityError:
        return False
    return True


def remove_member(session: Session, group_id: str, person_id: str) -> bool:
    """Take a person out of a group; return whether that changed anything."""
    removed = session.execute(
        delete_from(Membership)
        .where(Membership.group_id == group_id, Membership.person_id == person_id)
        .returning(Membership.person_id)
    )
    return removed.first() is not None


def names_of(session: Session, person_id: str) -> tuple[str, ...]:
    """Return the names of the groups that a person is in, in their order."""
    return tuple(group.name for group in of_person(session, person_id))


def of_person(session: Session, person_id: str) -> Sequence[Group]:
    """Return the groups that a person is in, in the order of their names."""
    query = select(Group).join(Membership, Membership.group_id == Group.id).where(Membership.person_id == person_id)
    return session.execute(query.order_by(Group.name_key)).scalars().all()


def every(session: Session) -> Sequence[Group]:
    """Return all groups in the order of their names."""
    return session.execute(select(Group).order_by(Group.name_key)).scalars().all()


def members(
    session: Session, group_id: str, *, before: str | None = None, after: str | None = None, limit: int = PAGE_SIZE
) -> MemberPage:
    """Return up to *limit* members of a group in the order of user names, next to a key of another page."""
    query = select(Person).join(Membership, Membership.person_id == Person.id).where(Membership.group_id == group_id)
    found: Slice[Person] = take(
        session, query, Person.username_key, Span(before, after, limit), lambda person: person.username_key
    )
    return MemberPage(found.rows, member_count(session, group_id), found.before, found.after)


def member_count(session: Session, group_id: str) -> int:
    """Return how many people are in a group."""
    query = select(func.count()).select_from(Membership).where(Membership.group_id == group_id)
    return session.execute(query).scalar_one()


def page(
    session: Session, *, search: str = "", before: str | None = None, after: str | None = None, limit: int = PAGE_SIZE
) -> GroupPage:
    """Return up to *limit* groups whose name holds *search*; ``after`` and ``before`` are keys of another page."""
    matching = [Group.name_key.contains(key_of(search), autoescape=True)] if search.strip() else []
    total = session.execute(select(func.count()).select_from(Group).where(*matching)).scalar_one()
    count = select(func.count()).where(Membership.group_id == Group.id).scalar_subquery()
    found: Slice[tuple[Group, int]] = take(
        session,
        select(Group, count).where(*matching),
        Group.name_key,
        Span(before, after, limit),
        lambda row: row[0].name_key,
    )
    return GroupPage(
        groups=[GroupLine(group.id, group.name, members, group.created_at) for group, members in found.rows],
        total=total,
        before=found.before,
        after=found.after,
    )


def _checked(name: str) -> str:
    name = name.strip()
    if not name:
        raise FieldErrors({"name": say("Enter a name.")})
    if len(name) > LONGEST_NAME:
        raise FieldErrors({"name": say("Use at most %(most)s characters.", most=LONGEST_NAME)})
    if has_control(name):
        raise FieldErrors({"name": say("Leave out line breaks and invisible characters.")})
    return name
