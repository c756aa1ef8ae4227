"""What an administrator does about deliveries, each with its entry in the audit log; the command line does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.audit import events
from idp.audit.log import Actor, record
from idp.clients.models import ClientRow
from idp.deliveries import store
from idp.errors import Conflict, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.deliveries.models import Delivery


def retry(session: Session, delivery_id: str, *, actor: Actor, now: datetime) -> Delivery:
    """Have a delivery tried at once, with all its retries anew.

    Raises:
        NotFound: there is no such delivery.
        Conflict: it was sent already, or is under way.

    """
    found = _found(session, delivery_id)
    if not store.retry(session, delivery_id, now):
        raise Conflict("It was sent already, or is just under way.")
    event = events.DeliveryRetried(
        target_id=found.client_id or "", target_name=_name(session, found), delivery_id=found.id, kind=found.kind
    )
    record(session, event, now=now, actor=actor)
    return found


def retry_failed(session: Session, chosen: store.Filter, *, actor: Actor, now: datetime) -> int:
    """Have every failed delivery among *chosen* tried at once; return how many."""
    failed = store.failed(session, chosen)
    for delivery_id in failed:
        retry(session, delivery_id, actor=actor, now=now)
    return len(failed)


def give_up(session: Session, delivery_id: str, *, actor: Actor, now: datetime) -> Delivery:
    """End the tries of a delivery.

    Raises:
        NotFound: there is no such delivery.
        Conflict: there is nothing to end.

    """
    found = _found(session, delivery_id)
    if not store.give_up(session, delivery_id, now):
        raise Conflict("Nothing of it waits to be sent.")
    event = events.DeliveryGivenUp(
        target_id=found.client_id or "", target_name=_name(session, found), delivery_id=found.id, kind=found.kind
    )
    record(session, event, now=now, actor=actor)
    return found


def _found(session: Session, delivery_id: str) -> Delivery:
    found = store.find(session, delivery_id)
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


def _name(session: Session, found: Delivery) -> str:
    client = session.get(ClientRow, found.client_id) if found.client_id else None
    return client.client_name if client else ""
