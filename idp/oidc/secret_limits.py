"""Wrong client secrets are counted, by client and network, so that guessing is slow and never locks the client out."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from sqlalchemy import Table, case
from sqlalchemy.dialects import postgresql, sqlite

from idp import clock
from idp.audit.events import ThrottleHit
from idp.audit.log import Actor, record
from idp.db import transaction
from idp.diagnosis import reasons
from idp.errors import TooManyAttempts
from idp.web.addresses import client_address, network_of
from idp.web.models import ThrottleCounter
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

MOST_FAILURES = 20
WINDOW = timedelta(minutes=1)

_counters = cast("Table", ThrottleCounter.__table__)


def note_failure(client_id: str) -> None:
    """Count one wrong secret of *client_id* from this network.

    A right secret is never counted and never refused, so nobody can keep the client itself away.

    Raises:
        TooManyAttempts: more than ``MOST_FAILURES`` within ``WINDOW``.

    """
    now, address = clock.utc_now(), client_address()
    with transaction() as session:
        failures, ends_at = _count(session, f"client-secret {_digest(client_id, network_of(address))}", now)
        seconds = max(1, int((ends_at - now).total_seconds()))
        if failures == MOST_FAILURES + 1:
            event = ThrottleHit(target_id=client_id, limit="client", seconds=seconds)
            record(session, event, now=now, actor=Actor(address=address, request_id=request_id()))
    if failures > MOST_FAILURES:
        raise TooManyAttempts(
            "Too many wrong secrets for this client.", retry_after=seconds, reason=reasons.TOO_MANY_ATTEMPTS
        )


def _digest(client_id: str, network: str) -> str:
    return hashlib.sha256(f"{client_id} {network}".encode()).hexdigest()


def _count(session: Session, key: str, now: datetime) -> tuple[int, datetime]:
    """Return the failures of the present window, this one included, and when the window ends."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    is_over = _counters.c.window_started_at <= now - WINDOW
    statement = dialect.insert(_counters).values(key=key, failures=1, window_started_at=now, blocked_until=None)
    counted = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "failures": case((is_over, 1), else_=_counters.c.failures + 1),
            "window_started_at": case((is_over, now), else_=_counters.c.window_started_at),
        },
    ).returning(_counters.c.failures, _counters.c.window_started_at)
    row = session.execute(counted).one()
    return row.failures, row.window_started_at + WINDOW
