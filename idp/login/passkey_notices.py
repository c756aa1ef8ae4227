"""The mail that tells a person of a change to their passkeys; queued in the transaction of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

_PAGE = "/account/security"


def tell_added(session: Session, person: Person, name: str, *, device: str, address: str, now: datetime) -> None:
    """Tell *person* that the passkey *name* was added, from where."""
    _queue(session, person, "passkey_added", {"passkey": name, "device": device, "address": address}, now)


def tell_removed(session: Session, person: Person, name: str, *, by_administrator: bool, now: datetime) -> None:
    """Tell *person* that the passkey *name* was removed, by themselves or for them."""
    _queue(session, person, "passkey_removed", {"passkey": name, "by_administrator": by_administrator}, now)


def _queue(session: Session, person: Person, template: str, facts: dict[str, object], now: datetime) -> None:
    said = {"name": person.name or person.username, "username": person.username, "at": now, **facts}
    notice = Mail(template=template, to=person.email, person_id=person.id, facts=said, link=_PAGE)
    mail.queue(session, service(Vault), notice, now=now)
