"""The mail that tells a person of a change to their passkeys; queued in the transaction of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.vault import Vault
from idp.web import language
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

_PAGE = "/account/security"


def tell_added(session: Session, person: Person, name: str, *, device: str, address: str, now: datetime) -> None:
    """Tell *person* that the passkey *name* was added, from where."""
    _queue(session, person, "passkey_added", {"passkey": name, "device": device, "address": address}, now=now)


def tell_removed(session: Session, person: Person, name: str, *, by_administrator: bool, now: datetime) -> None:
    """Tell *person* that the passkey *name* was removed, by themselves or for them."""
    facts = {"passkey": name, "by_administrator": by_administrator}
    _queue(session, person, "passkey_removed", facts, is_here=not by_administrator, now=now)


def _queue(
    session: Session, person: Person, template: str, facts: Mapping[str, object], *, now: datetime, is_here: bool = True
) -> None:
    said = {"name": person.name or person.username, "username": person.username, "at": now, **facts}
    notice = Mail(
        template=template,
        to=person.email,
        person_id=person.id,
        facts=said,
        link=_PAGE,
        language=language.of_person(person.claims.get("locale"), is_here=is_here),
    )
    mail.queue(session, service(Vault), notice, now=now)
