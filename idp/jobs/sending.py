"""Sending what is due: one delivery after the other, each claimed first, so that no two processes send the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from idp.audit import events
from idp.audit.log import SYSTEM, record
from idp.clients.models import ClientRow
from idp.clock import utc_now
from idp.db import db, transaction
from idp.deliveries import store
from idp.oidc import back_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flask import Flask
    from sqlalchemy.orm import Session

    from idp.deliveries.store import Claimed

_log = structlog.get_logger(__name__)

# What sends each kind; it raises NotTold. What nothing here sends waits.
SENDERS: Final[Mapping[str, Callable[[Claimed, datetime], None]]] = {store.LOGOUT_TOKEN: back_channel.tell}


def send_due(app: Flask) -> int:
    """Send everything that is due and that nobody else is at; return how many attempts were made."""
    attempts = 0
    with app.app_context():
        try:
            while (claimed := _claim()) is not None:
                attempts += 1
                _send(claimed)
        finally:
            db.session.remove()
    return attempts


def _claim() -> Claimed | None:
    with transaction() as session:
        return store.claim(session, utc_now(), SENDERS)


def _send(claimed: Claimed) -> None:
    try:
        SENDERS[claimed.kind](claimed, utc_now())
    except back_channel.NotTold as error:
        _not_sent(claimed, str(error), again=error.again)
    except Exception:  # noqa: BLE001 - one that cannot be sent must not keep the others
        _log.exception("delivery_failed", delivery=claimed.id, kind=claimed.kind)
        _not_sent(claimed, "Something went wrong here; the log of this server says what.", again=True)
    else:
        with transaction() as session:
            store.succeed(session, claimed, utc_now())


def _not_sent(claimed: Claimed, fault: str, *, again: bool) -> None:
    with transaction() as session:
        now = utc_now()
        if store.fail(session, claimed, fault, again=again, now=now) == store.FAILED:
            _audit(session, claimed, fault, now)


def _audit(session: Session, claimed: Claimed, fault: str, now: datetime) -> None:
    client = session.get(ClientRow, claimed.client_id) if claimed.client_id else None
    event = events.DeliveryFailed(
        target_id=claimed.client_id or "",
        target_name=client.client_name if client else "",
        delivery_id=claimed.id,
        kind=claimed.kind,
        person_id=claimed.person_id or "",
        attempts=claimed.attempts,
        reason=fault,
    )
    record(session, event, now=now, actor=SYSTEM)
