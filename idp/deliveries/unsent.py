"""Mail that waits for somebody to look at it, since there is no mail server: as much is kept as is worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, func, select, update

from idp.deliveries import store
from idp.deliveries.models import Delivery

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

# Of each sort to each address.
MOST: Final = 10
_FAULT: Final = "Newer ones to the same address wait, and there is no mail server."


def thin_out(session: Session, now: datetime) -> int:
    """Give up all but the newest ``MOST`` of each sort to each address, and forget what they said; return how many."""
    newest_first = func.row_number().over(
        partition_by=(Delivery.facts["to"].as_string(), Delivery.facts["template"].as_string()),
        order_by=Delivery.id.desc(),
    )
    waiting = select(Delivery.id, newest_first.label("place")).where(
        Delivery.kind == store.MAIL, Delivery.state == store.QUEUED
    )
    ranked = waiting.subquery()
    late = select(ranked.c.id).where(ranked.c.place > MOST)
    given_up = {"state": store.GIVEN_UP, "due_at": None, "claim": None, "finished_at": now, "fault": _FAULT}
    giving_up = update(Delivery).where(Delivery.id.in_(late), Delivery.state == store.QUEUED)
    done = session.execute(giving_up.values(**given_up, sealed=None).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
