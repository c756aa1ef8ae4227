"""Writing the audit log: one row, in the transaction of the change that it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert

from idp import opaque
from idp.audit.events import one_line
from idp.audit.models import AuditEvent

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.audit.events import Event


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it (a person, a client, this server, the command line; empty: nobody known), and from where."""

    id: str = ""
    name: str = ""
    address: str = ""
    request_id: str = ""


NOBODY = Actor()
SYSTEM = Actor("system", "This server")
COMMAND_LINE = Actor("command line", "Command line")


def record(
    session: Session, event: Event, *, now: datetime, actor: Actor, address: str = "", request_id: str = ""
) -> str:
    """Add *event* to the log and return the entry's id; it lasts when the caller's transaction does.

    ``address`` and ``request_id`` go before what the actor carries. The background sealer chains the row later.
    """
    event_id = opaque.new_id("evt")
    session.execute(
        insert(AuditEvent).values(
            id=event_id,
            at=now,
            type=event.type,
            outcome=event.outcome,
            actor_id=one_line(actor.id, 128),
            actor_name=one_line(actor.name, 200),
            target_id=one_line(event.target_id, 128),
            target_name=one_line(event.target_name, 200),
            address=one_line(address or actor.address, 64),
            request_id=one_line(request_id or actor.request_id, 64),
            detail=event.detail(),
        )
    )
    return event_id
