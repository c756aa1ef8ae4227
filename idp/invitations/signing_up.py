"""An account that somebody makes themselves: their address is verified first, by a link that is mailed to it.

Whether the address has an account already, the same is written and the same is answered; only the mail differs, which
nobody but its owner reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.accounts import groups
from idp.accounts import store as accounts
from idp.audit.invitation_events import SignUpAsked
from idp.audit.log import Actor, record
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.invitations import store
from idp.invitations.inviting import path_of
from idp.invitations.store import New

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from idp.invitations.models import Invitation
    from idp.vault import Vault

_SIGN_IN = "/login"


@dataclass(frozen=True, slots=True)
class Wish:
    """The address that somebody gave, and what they were on the way to: a request, or an invitation without one."""

    email: str
    interaction_id: str | None = None
    parent: Invitation | None = None
    # Those of the settings, for whoever was not invited.
    group_names: tuple[str, ...] = ()
    # In which the mail is written.
    language: str = "en"


def begin(session: Session, vault: Vault, wish: Wish, *, lifetime: timedelta, actor: Actor, now: datetime) -> None:
    """Mail a link to the address, or tell its owner that they have an account."""
    person = accounts.find_by_login(session, wish.email)
    parent = wish.parent
    new = New(
        kind=store.SIGN_UP,
        email=wish.email,
        inviter_id=parent.inviter_id if parent else None,
        inviter_name=parent.inviter_name if parent else "",
        group_ids=tuple(parent.group_ids) if parent else _ids(session, wish.group_names),
        client_ids=tuple(parent.client_ids) if parent else (),
        parent_id=parent.id if parent else None,
        interaction_id=wish.interaction_id,
    )
    # Also for an address that has an account, although nobody gets its link: so that one takes as long as the other.
    row, token = store.make(session, new, lifetime=lifetime, now=now)
    leads_to = path_of(token) if person is None or parent is not None else _SIGN_IN
    letter = Mail(
        template="sign_up" if person is None else "sign_up_known",
        to=wish.email if person is None else person.email,
        person_id=None if person is None else person.id,
        facts={"username": "" if person is None else person.username, "expires_at": row.expires_at},
        link=leads_to,
        lifetime=lifetime,
        language=wish.language,
    )
    row.delivery_id = mail.queue(session, vault, letter, now=now)
    session.flush()
    record(session, SignUpAsked(email=wish.email), now=now, actor=actor)


def _ids(session: Session, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(group.id for name in names if (group := groups.find_by_name(session, name)))
