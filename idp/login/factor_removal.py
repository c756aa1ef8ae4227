"""Taking every second factor from somebody who lost them, as an administrator allowed with a recovery link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from idp.audit import factor_events
from idp.audit.log import record
from idp.audit.passkey_events import PasskeyRemoved
from idp.factors import recovery_codes, remembered, store
from idp.login import notices, passkey_notices
from idp.passkeys import store as passkeys

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.audit.log import Actor

_NAMES: Final = {store.TOTP: "Authenticator app", store.EMAIL: "Code by email"}


def remove_all(session: Session, person: Person, *, actor: Actor, now: datetime) -> bool:
    """Take the second factors of *person*, passkeys and recovery codes included; tell whether there were any."""
    kinds = [one.kind for one in store.of_person(session, person.id)]
    for kind in kinds:
        store.remove(session, person.id, kind)
        event = factor_events.FactorRemoved(target_id=person.id, target_name=person.username, factor=kind)
        record(session, event, now=now, actor=actor)
    had_passkeys = _remove_passkeys(session, person, actor=actor, now=now)
    recovery_codes.remove(session, person.id)
    remembered.forget_all(session, person.id)
    if kinds:
        names = ", ".join(_NAMES.get(kind, kind) for kind in kinds)
        notices.tell(session, person, "second_factor_removed", now=now, themselves=True, factor=names)
    return bool(kinds) or had_passkeys


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
