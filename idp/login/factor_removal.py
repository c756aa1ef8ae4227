"""Taking every second factor from somebody who lost them, as an administrator allowed with a recovery link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from idp.audit.log import record
from idp.audit.passkey_events import PasskeyRemoved
from idp.factors import changes
from idp.factors.changes import Change
from idp.login import passkey_notices
from idp.passkeys import store as passkeys
from idp.sessions import devices
from idp.vault import Vault
from idp.web import language
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.audit.log import Actor


def remove_all(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Take the second factors of *person*, passkeys and recovery codes included; tell whether there were any."""
    device = devices.describe(request.headers.get("User-Agent", ""))
    tongue = language.of_person(person.claims.get("locale"), is_here=True)
    change = Change(service(Vault), actor, now, device=device, language=tongue)
    had = changes.remove_all(session, person, change=change)
    had_passkeys = _remove_passkeys(session, person, actor=actor, now=now)
    return bool(had) or had_passkeys


def _remove_passkeys(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    found = passkeys.of_person(session, person.id)
    for passkey in found:
        passkeys.remove(session, passkey)
        event = PasskeyRemoved(
            target_id=person.id, target_name=person.username, passkey_id=passkey.id, name=passkey.name
        )
        record(session, event, now=now, actor=actor)
        passkey_notices.tell_removed(session, person, passkey.name, by_administrator=False, now=now)
    return bool(found)
