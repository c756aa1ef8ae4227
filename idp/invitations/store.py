"""Invitations: make, look at, use up, revoke.

Opening a link only looks (``find``): programs that scan mail open every link. Making the account uses it up
(``consume``), by one conditional statement, for exactly one caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import CursorResult, delete, func, or_, select, update

from idp import opaque
from idp.accounts.names import key_of
from idp.deliveries import store as deliveries
from idp.invitations.models import Invitation

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

INVITATION: Final = "invitation"
SIGN_UP: Final = "sign_up"
# So long after its end a page can still say what became of it, and ask for another.
KEPT: Final = timedelta(days=90)
# The inviter is asked for another link at most this often.
ASKED_EVERY: Final = timedelta(days=1)
PAGE_SIZE: Final = 50
_LONGEST_TOKEN: Final = 128


class State(StrEnum):
    """What has become of an invitation."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """What an invitation consists of; see the model."""

    kind: str = INVITATION
    email: str = ""
    inviter_id: str | None = None
    inviter_name: str = ""
    message: str = ""
    group_ids: tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    parent_id: str | None = None
    interaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Invitations, the newest first; ``older`` is where the next page begins."""

    invitations: tuple[Invitation, ...]
    total: int
    older: str | None


def make(session: Session, new: New, *, lifetime: timedelta, now: datetime) -> tuple[Invitation, str]:
    """Keep a new invitation; return it with the token that its link is made from."""
    token = opaque.token()
    row = Invitation(
        id=opaque.new_id("inv"),
        fingerprint=opaque.fingerprint(token),
        kind=new.kind,
        email=new.email,
        inviter_id=new.inviter_id,
        inviter_name=new.inviter_name,
        message=new.message,
        group_ids=list(new.group_ids),
        client_ids=list(new.client_ids),
        parent_id=new.parent_id,
        interaction_id=new.interaction_id,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return row, token


def find(session: Session, token: str) -> Invitation | None:
    """Return the invitation whose link has *token*, whatever became of it, without using it up."""
    return find_by_fingerprint(session, opaque.fingerprint(token[:_LONGEST_TOKEN]))


def find_by_fingerprint(session: Session, fingerprint: str) -> Invitation | None:
    """Return the invitation whose link has the token of *fingerprint*."""
    query = select(Invitation).where(Invitation.fingerprint == fingerprint)
    return session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def find_by_id(session: Session, invitation_id: str) -> Invitation | None:
    """Return an invitation that somebody made for somebody else."""
    row = session.get(Invitation, invitation_id, populate_existing=True) if "\0" not in invitation_id else None
    return row if row is not None and row.kind == INVITATION else None


def state_of(session: Session, row: Invitation, now: datetime) -> State:
    """Return what has become of an invitation, and of the one that it belongs to."""
    for one in (row, session.get(Invitation, row.parent_id, populate_existing=True) if row.parent_id else None):
        if one is not None and (state := plain_state(one, now)) is not State.OPEN:
            return state
    return State.OPEN


def plain_state(row: Invitation, now: datetime) -> State:
    """Return what has become of an invitation by itself."""
    if row.used_at is not None:
        return State.USED
    if row.revoked_at is not None:
        return State.REVOKED
    return State.EXPIRED if now >= row.expires_at else State.OPEN


def consume(session: Session, row: Invitation, now: datetime) -> bool:
    """Use *row* up, and with it the one that it belongs to; true for exactly one caller.

    To be called inside a savepoint: where one of the two was used up by somebody else, the other must not be.
    """
    # The one that several may belong to comes first, so that of two of them the second waits here.
    return all(
        _count(
            session.execute(
                update(Invitation)
                .where(Invitation.id == one, *_usable(now), *conditions)
                .values(used_at=now)
                .execution_options(synchronize_session=False)
            )
        )
        for one, conditions in (
            *(((row.parent_id, ()),) if row.parent_id else ()),
            # Sent again meanwhile: the link that this one is about no longer works.
            (row.id, (Invitation.fingerprint == row.fingerprint,)),
        )
    )


def note_person(session: Session, row: Invitation, person_id: str) -> None:
    """Note who used it."""
    session.execute(
        update(Invitation)
        .where(Invitation.id.in_([one for one in (row.id, row.parent_id) if one]))
        .values(used_by=person_id)
        .execution_options(synchronize_session=False)
    )


def is_proven(session: Session, row: Invitation) -> bool:
    """Tell whether whoever has the link reads mail to its address: it was sent there, and nowhere else."""
    if not row.email or row.delivery_id is None:
        return False
    found = deliveries.find(session, row.delivery_id)
    return found is not None and found.state == deliveries.SENT


def renew(session: Session, invitation_id: str, *, lifetime: timedelta, now: datetime) -> str | None:
    """Return a new token for an invitation that was not used, and let the one before stop working."""
    token = opaque.token()
    changed = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.kind == INVITATION, Invitation.used_at.is_(None))
        .values(
            fingerprint=opaque.fingerprint(token),
            expires_at=now + lifetime,
            revoked_at=None,
            asked_at=None,
            delivery_id=None,
        )
        .execution_options(synchronize_session=False)
    )
    return token if _count(changed) else None


def revoke(session: Session, invitation_id: str, now: datetime) -> bool:
    """Let an invitation stop working; false when it was used, or revoked before."""
    changed = session.execute(
        update(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.kind == INVITATION,
            Invitation.used_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    return _count(changed) > 0


def ask(session: Session, row: Invitation, now: datetime) -> bool:
    """Note that the inviter is asked for another one; false when that was done a moment ago."""
    changed = session.execute(
        update(Invitation)
        .where(Invitation.id == row.id, or_(Invitation.asked_at.is_(None), Invitation.asked_at <= now - ASKED_EVERY))
        .values(asked_at=now)
        .execution_options(synchronize_session=False)
    )
    return _count(changed) > 0


def page(session: Session, *, search: str = "", older: str | None = None, limit: int = PAGE_SIZE) -> Page:
    """Return *limit* invitations that people made, the newest first: those before the id *older*."""
    matching = [Invitation.kind == INVITATION]
    if search.strip():
        text = key_of(search)
        named = (Invitation.email, Invitation.inviter_name, Invitation.message)
        matching.append(or_(*(column.icontains(text, autoescape=True) for column in named)))
    total = int(session.execute(select(func.count()).select_from(Invitation).where(*matching)).scalar_one())
    query = select(Invitation).where(*matching, *([Invitation.id < older] if older else []))
    rows = list(session.execute(query.order_by(Invitation.id.desc()).limit(limit + 1)).scalars())
    has_more, rows = len(rows) > limit, rows[:limit]
    return Page(tuple(rows), total, rows[-1].id if rows and has_more else None)


def purge(session: Session, now: datetime) -> int:
    """Delete invitations that ended long ago; return how many."""
    return _count(session.execute(delete(Invitation).where(Invitation.expires_at < now - KEPT)))


def _usable(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Invitation.used_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now)


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
