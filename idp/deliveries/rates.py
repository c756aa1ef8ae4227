"""How well an app can be told that somebody signed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from idp.deliveries import store
from idp.deliveries.models import Delivery

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

# What was finished before is not kept.
SPAN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rate:
    """Sign-outs that one app was told of, those that it could not be told of, and those that are still tried."""

    sent: int
    failed: int
    waiting: int

    @property
    def percent(self) -> int | None:
        """How many of what is finished arrived, rounded down: 100 means all of them. ``None``: there were none."""
        finished = self.sent + self.failed
        return self.sent * 100 // finished if finished else None


def of_client(session: Session, client_id: str, now: datetime) -> Rate:
    """Count the deliveries to *client_id* of the last 30 days."""
    query = (
        select(Delivery.state, func.count())
        .where(Delivery.client_id == client_id, Delivery.kind == store.LOGOUT_TOKEN, Delivery.created_at > now - SPAN)
        .group_by(Delivery.state)
    )
    found = dict(session.execute(query).all())
    failed = found.get(store.FAILED, 0) + found.get(store.GIVEN_UP, 0)
    return Rate(sent=found.get(store.SENT, 0), failed=failed, waiting=found.get(store.QUEUED, 0))
