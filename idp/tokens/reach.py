"""How much hangs on a client's grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import distinct, func, select

from idp.tokens.models import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def held_by(session: Session, client_id: str, now: datetime) -> tuple[int, int]:
    """Return how many live grants a client has at *now*, and of how many people."""
    counts = session.execute(
        select(func.count(), func.count(distinct(Grant.person_id))).where(
            Grant.client_id == client_id, Grant.revoked_at.is_(None), Grant.expires_at > now
        )
    ).one()
    return counts[0], counts[1]
