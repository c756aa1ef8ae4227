"""Who must have a second factor: everybody, the members of some groups, whoever opens some apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from idp.accounts.models import Group, Membership

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.setting_sections import SignInSettings


def is_required(session: Session, person_id: str, client: Client | None, settings: SignInSettings) -> bool:
    """Tell whether the person must sign in with two factors, at all or (with *client*) on the way to this app."""
    return (client is not None and client.metadata.require_second_factor) or is_required_always(
        session, person_id, settings
    )


def is_required_always(session: Session, person_id: str, settings: SignInSettings) -> bool:
    """Tell whether the person must sign in with two factors wherever they go."""
    return settings.second_factor == "required" or bool(groups_requiring(session, person_id))


def groups_requiring(session: Session, person_id: str) -> list[str]:
    """Return the names of the person's groups whose members must have a second factor."""
    query = (
        select(Group.name)
        .join(Membership, Membership.group_id == Group.id)
        .where(Membership.person_id == person_id, Group.requires_second_factor.is_(True))
        .order_by(Group.name_key)
    )
    return list(session.execute(query).scalars())
