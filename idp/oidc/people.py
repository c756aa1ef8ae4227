"""The person that a token is about, as the database has them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, bindparam, select

from idp.accounts.models import Group, Membership, Person
from idp.protocol.claims import PersonView

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

_people = cast("Table", Person.__table__)
_groups = cast("Table", Group.__table__)
_members = cast("Table", Membership.__table__)

COLUMNS = (
    _people.c.id.label("subject"),
    _people.c.username,
    _people.c.email,
    _people.c.email_verified,
    _people.c.name,
    _people.c.claims,
    _people.c.updated_at.label("person_updated_at"),
)
_ENABLED = select(*COLUMNS).where(_people.c.id == bindparam("person_id"), _people.c.disabled_at.is_(None))
_GROUPS = (
    select(_groups.c.name)
    .where(_members.c.person_id == bindparam("person_id"), _groups.c.id == _members.c.group_id)
    .order_by(_groups.c.name)
)


def find_enabled(session: Session, person_id: str, scopes: Collection[str]) -> PersonView | None:
    """Return the person, with their groups where *scopes* tell of them; ``None`` when disabled or gone."""
    row = session.execute(_ENABLED, {"person_id": person_id}).first()
    return None if row is None else view(session, row, scopes)


def view(session: Session, row: Any, scopes: Collection[str]) -> PersonView:
    """Return the person in *row*, which holds ``COLUMNS`` at least."""
    groups: tuple[str, ...] = ()
    if "groups" in scopes:
        groups = tuple(session.execute(_GROUPS, {"person_id": row.subject}).scalars())
    return PersonView(
        subject=row.subject,
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        name=row.name,
        claims=row.claims,
        groups=groups,
        updated_at=row.person_updated_at,
    )
