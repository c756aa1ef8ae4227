"""Sign-ins that come back again and again: the sign that a client does not accept what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from idp.keys import canary
from idp.tokens.models import Grant, RedirectToken

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.keys.ring import KeyRing


def watch(session: Session, ring: KeyRing, client_id: str, person_id: str, now: datetime) -> bool:
    """End the trial of a key with *client_id* when the person starts over too often; tell whether it was ended.

    To be called after a sign-in was answered, in its transaction; costs nothing where no key is being tried.
    """
    if not canary.is_tried(ring, client_id):
        return False
    began = canary.since(session, client_id)
    if began is None:
        # Ended a moment ago, by another process.
        return False
    since = max(began, now - canary.WITHIN)
    grants = select(func.count()).where(
        Grant.client_id == client_id, Grant.person_id == person_id, Grant.created_at >= since
    )
    tokens = select(func.count()).where(
        RedirectToken.client_id == client_id, RedirectToken.person_id == person_id, RedirectToken.issued_at >= since
    )
    answered = session.execute(grants).scalar_one() + session.execute(tokens).scalar_one()
    # The first of them was no restart.
    return answered > canary.RESTARTS and bool(canary.end(session, client_id, now=now, by_itself=True))
