"""What an administrator does about deliveries, each with its entry in the audit log; the command line does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.audit import events, mail_events
from idp.audit.log import Actor, record
from idp.clients.models import ClientRow
from idp.deliveries import mail, store
from idp.errors import Conflict, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.audit.declared import Event
    from idp.deliveries.mail import Mail
    from idp.deliveries.models import Delivery
    from idp.deliveries.store import Claimed
    from idp.vault import Vault


def retry(session: Session, delivery_id: str, *, actor: Actor, now: datetime) -> Delivery:
    """Have a delivery tried at once, with all its retries anew.

    Raises:
        NotFound: there is no such delivery.
        Conflict: it was sent already, is under way, or is of no use any more.

    """
    found = _found(session, delivery_id)
    if not store.retry(session, delivery_id, now):
        raise Conflict("It was sent already, is just under way, or what it says is out of date.")
    record(session, _event(session, found, events.DeliveryRetried, mail_events.MailRetried), now=now, actor=actor)
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
    record(session, _event(session, found, events.DeliveryGivenUp, mail_events.MailGivenUp), now=now, actor=actor)
    return found


def read_mail(session: Session, vault: Vault, delivery_id: str, *, actor: Actor, now: datetime) -> Mail | None:
    """Return what a mail says that was not sent yet, and note who read it; ``None`` when that is no longer kept.

    Raises:
        NotFound: there is no such mail.

    """
    found = _found(session, delivery_id)
    if found.kind != store.MAIL:
        raise NotFound("There is no such mail.")
    said = mail.read(vault, found)
    if said is not None:
        event = mail_events.MailRead(
            target_id=found.person_id or "", target_name=said.to, delivery_id=found.id, template=said.template
        )
        record(session, event, now=now, actor=actor)
    return said


def failure(session: Session, claimed: Claimed, fault: str) -> Event:
    """Return the event of a delivery that failed for good."""
    if claimed.kind == store.MAIL:
        return mail_events.MailFailed(
            target_id=claimed.person_id or "",
            target_name=claimed.facts["to"],
            delivery_id=claimed.id,
            template=claimed.facts["template"],
            attempts=claimed.attempts,
            reason=fault,
        )
    return events.DeliveryFailed(
        target_id=claimed.client_id or "",
        target_name=_name(session, claimed),
        delivery_id=claimed.id,
        kind=claimed.kind,
        person_id=claimed.person_id or "",
        attempts=claimed.attempts,
        reason=fault,
    )


def _event(
    session: Session,
    found: Delivery,
    of_app: type[events.DeliveryRetried | events.DeliveryGivenUp],
    of_mail: type[mail_events.MailRetried | mail_events.MailGivenUp],
) -> Event:
    if found.kind == store.MAIL:
        to, template = found.facts["to"], found.facts["template"]
        return of_mail(target_id=found.person_id or "", target_name=to, delivery_id=found.id, template=template)
    name = _name(session, found)
    return of_app(target_id=found.client_id or "", target_name=name, delivery_id=found.id, kind=found.kind)


def _found(session: Session, delivery_id: str) -> Delivery:
    found = store.find(session, delivery_id)
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


def _name(session: Session, found: Delivery | Claimed) -> str:
    client = session.get(ClientRow, found.client_id) if found.client_id else None
    return client.client_name if client else ""
