"""Changes to how a person proves a second time who they are, with their entry in the audit log and a notice by mail.

Whoever was let in before is out: other sessions, tokens, half-finished sign-ins and remembered browsers end with the
change, since whoever it was made against may hold one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from idp.audit import factor_events as events
from idp.audit.log import record
from idp.deliveries import mail, sign_outs
from idp.deliveries.mail import Mail
from idp.factors import recovery_codes, remembered, store, totp
from idp.sessions import pending
from idp.tokens import revocation
from idp.wording import say

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.audit.log import Actor
    from idp.vault import Secrets, Vault
    from idp.wording import Sentence

# Beside the kinds of ``store``, what can be taken away.
RECOVERY_CODES: Final = "recovery_codes"
_ADDED: Final = {
    store.TOTP: say("From now on an authenticator app can be used when you sign in."),
    store.EMAIL: say("From now on codes by email can be used when you sign in."),
}
# Said after ``remove``.
REMOVED: Final = {
    store.TOTP: say("An authenticator app can no longer be used when you sign in."),
    store.EMAIL: say("Codes by email can no longer be used when you sign in."),
    RECOVERY_CODES: say("Recovery codes can no longer be used when you sign in."),
}
_SWITCHED_OFF: Final = say("Two-step sign-in was switched off.")
_NEW_CODES: Final = say("New recovery codes were made. Those from before do not work any more.")


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes what, when; ``device`` names the browser, for the notice, which is written in ``language``.

    The session ``keep_session`` and the half-finished sign-in ``keep_pending``, in which it happens, go on.
    """

    vault: Vault
    actor: Actor
    now: datetime
    device: str = ""
    language: str = "en"
    keep_session: str = ""
    keep_pending: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended with a change."""

    sessions: int
    grants: int


def add_totp(session: Session, person: Person, seed: str, *, step: int, change: Change) -> Ended:
    """Give *person*, who is locked, an authenticator app that was confirmed with the code of *step*."""
    totp.add(session, change.vault, person.id, seed, step=step, now=change.now)
    return _added(session, person, store.TOTP, change)


def add_email(session: Session, person: Person, *, change: Change) -> Ended:
    """Let *person*, who is locked, prove themselves with codes sent to their verified address."""
    store.put(session, store.new(person.id, store.EMAIL, change.now))
    return _added(session, person, store.EMAIL, change)


def remove(session: Session, person: Person, kind: str, *, change: Change) -> Ended | None:
    """Take a second factor, or the recovery codes, from *person*, who is locked; nothing where they had none."""
    is_codes = kind == RECOVERY_CODES
    if not (recovery_codes.remove(session, person.id) if is_codes else store.remove(session, person.id, kind)):
        return None
    ended = _end_others(session, person, change)
    _record_removal(session, person, kind, ended, change)
    _tell(session, person, REMOVED[kind], change)
    return ended


def remove_all(session: Session, person: Person, *, change: Change) -> list[str]:
    """Take every second factor and all recovery codes from *person*, who is locked; return which there were."""
    had = [factor.kind for factor in store.of_person(session, person.id)]
    for kind in had:
        store.remove(session, person.id, kind)
    if recovery_codes.remove(session, person.id):
        had.append(RECOVERY_CODES)
    if had:
        ended = _end_others(session, person, change)
        for kind in had:
            _record_removal(session, person, kind, ended, change)
        _tell(session, person, _SWITCHED_OFF, change)
    return had


def make_recovery_codes(session: Session, person: Person, secrets: Secrets, *, change: Change) -> list[str]:
    """Give *person* new recovery codes in place of those before; return them, which is the only time they are seen."""
    made = recovery_codes.replace(session, secrets, person.id, change.now)
    event = events.RecoveryCodesMade(target_id=person.id, target_name=person.username, codes=len(made))
    record(session, event, now=change.now, actor=change.actor)
    _tell(session, person, _NEW_CODES, change)
    return made


def forget_browsers(session: Session, person: Person, remembered_id: str = "", *, actor: Actor, now: datetime) -> int:
    """Ask *person* for the second factor again, in one browser or in all; return in how many they were not asked."""
    if remembered_id:
        forgotten = int(remembered.forget(session, person.id, remembered_id))
    else:
        forgotten = remembered.forget_all(session, person.id)
    if forgotten:
        event = events.BrowserForgotten(target_id=person.id, target_name=person.username, browsers=forgotten)
        record(session, event, now=now, actor=actor)
    return forgotten


def _added(session: Session, person: Person, kind: str, change: Change) -> Ended:
    ended = _end_others(session, person, change)
    event = events.FactorAdded(
        target_id=person.id, target_name=person.username, factor=kind, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=change.now, actor=change.actor)
    _tell(session, person, _ADDED[kind], change)
    return ended


def _record_removal(session: Session, person: Person, kind: str, ended: Ended, change: Change) -> None:
    event = events.FactorRemoved(
        target_id=person.id, target_name=person.username, factor=kind, sessions=ended.sessions, grants=ended.grants
    )
    record(session, event, now=change.now, actor=change.actor)


def _end_others(session: Session, person: Person, change: Change) -> Ended:
    pending.drop_of(session, person.id, keep=change.keep_pending or None)
    remembered.forget_all(session, person.id)
    ended = sign_outs.end_all(session, person.id, change.now, keep=change.keep_session or None)
    return Ended(ended, revocation.revoke_person(session, person.id, now=change.now))


def _tell(session: Session, person: Person, what: Sentence, change: Change) -> None:
    facts = {
        "name": person.name or person.username,
        "username": person.username,
        "what": what,
        "at": change.now,
        "device": change.device,
        "address": change.actor.address,
        "by_themselves": change.actor.id == person.id,
    }
    notice = Mail(
        template="second_factor_changed",
        to=person.email,
        person_id=person.id,
        facts=facts,
        link="/account/security",
        language=change.language,
    )
    mail.queue(session, change.vault, notice, now=change.now)
