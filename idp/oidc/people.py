"""The person that a token is about, as the database has them now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, bindparam, select

from idp.accounts.models import Group, Membership, Person
from idp.protocol.claims import PersonView

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
_GROUPS_CLAIM = "groups"
_ENABLED = select(*COLUMNS).where(_people.c.id == bindparam("person_id"), _people.c.disabled_at.is_(None))
_GROUPS = (
    select(_groups.c.name)
    .where(_members.c.person_id == bindparam("person_id"), _groups.c.id == _members.c.group_id)
    .order_by(_groups.c.name)
)


def find_enabled(
    session: Session, person_id: str, scopes: Collection[str], kept: Mapping[str, Any] | None = None
) -> PersonView | None:
    """Return the person, with their groups where they are told of; ``None`` when disabled or gone."""
    row = session.execute(_ENABLED, {"person_id": person_id}).first()
    return None if row is None else view(session, row, scopes, kept)


def view(session: Session, row: Any, scopes: Collection[str], kept: Mapping[str, Any] | None = None) -> PersonView:
    """Return the person in *row*, which holds ``COLUMNS`` at least; *kept* are the claims of a grant."""
    groups: tuple[str, ...] = ()
    if "groups" in scopes or any(_GROUPS_CLAIM in names for names in (kept or {}).values()):
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
