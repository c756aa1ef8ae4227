"""The one-time link that makes the first administrator."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from idp import opaque
from idp.accounts import store as accounts
from idp.errors import Conflict
from idp.keys.models import Installation
from idp.setup.models import SetupLink

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

LIFETIME = timedelta(minutes=60)


def make(session: Session, now: datetime) -> str:
    """Return a new setup token; an earlier one stops working.

    Raises:
        Conflict: there is an administrator already.

    """
    _alone(session)
    if accounts.admin_count(session):
        raise Conflict("There is an administrator already: setup is finished, and no link is needed.")
    session.execute(delete(SetupLink).where(SetupLink.consumed_at.is_(None)))
    token = opaque.token()
    session.add(SetupLink(fingerprint=opaque.fingerprint(token), created_at=now, expires_at=now + LIFETIME))
    return token


def is_open(session: Session, token: str, now: datetime) -> bool:
    """Tell whether *token* could be used at *now*."""
    if accounts.admin_count(session):
        return False
    found = session.execute(
        select(SetupLink.fingerprint).where(
            SetupLink.fingerprint == opaque.fingerprint(token),
            SetupLink.consumed_at.is_(None),
            SetupLink.expires_at > now,
        )
    )
    return found.first() is not None


def consume(session: Session, token: str, now: datetime) -> bool:
    """Use *token* up; true for exactly one caller, whoever else tries at the same time."""
    _alone(session)
    used = session.execute(
        update(SetupLink)
        .where(
            SetupLink.fingerprint == opaque.fingerprint(token),
            SetupLink.consumed_at.is_(None),
            SetupLink.expires_at > now,
        )
        .values(consumed_at=now)
        .returning(SetupLink.fingerprint)
    )
    return used.first() is not None


def _alone(session: Session) -> None:
    """Wait for whoever else is setting up: with two links at once, there is still one first administrator."""
    session.execute(select(Installation.id).with_for_update())
