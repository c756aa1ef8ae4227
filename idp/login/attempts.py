"""One try of a password: reserve it, hash, and only then believe it.

Whether the name is unknown, the password wrong or the person disabled, the same steps take the same time: one
reservation, one Argon2id, one audit entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp import clock
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher
from idp.audit.events import PersonSignInFailed, ThrottleHit
from idp.audit.log import record
from idp.db import db, transaction
from idp.errors import HashingBusy
from idp.login import throttling
from idp.login.actor import acting
from idp.login.browser import browser_fingerprint, device
from idp.sessions import store as sessions
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.throttle import throttle

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.web.throttle import Reservation

_UNKNOWN, _WRONG, _DISABLED = "unknown_person", "wrong_password", "disabled"


@dataclass(frozen=True, slots=True)
class Found:
    """Who has the name that was typed, as far as the try needs to know, and whether this browser is known."""

    person_id: str | None = None
    display_name: str = ""
    password_hash: str | None = None
    known_device: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """A right password: whose, its reservation, and its new hash when the stored one is under old parameters."""

    person_id: str
    password_hash: str
    reservation: Reservation
    new_hash: str | None
    known_device: bool


def prove(name: str, password: str, *, client_id: str) -> Proof | None:
    """Try *password* for whoever has *name*; return the proof that it is right, or nothing.

    Nothing is held in the database while hashing. The reservation of a right password is given back by ``accept``.

    Raises:
        Blocked: too many failures; nothing was tried.
        HashingBusy: no place to hash; nothing was tried.

    """
    found = _find(name)
    limits = throttling.limits_for(
        name,
        person_id=found.person_id,
        device=browser_fingerprint() if found.known_device else None,
        address=client_address(),
    )
    counters = throttle()
    reservation = counters.reserve(limits, clock.utc_now())
    hasher = service(PasswordHasher)
    try:
        verdict = hasher.verify(found.password_hash, password)
        new_hash = hasher.hash(password) if verdict.rehash else None
    except HashingBusy:
        counters.give_back(reservation, clock.utc_now())
        raise
    if not verdict.ok or found.person_id is None or found.password_hash is None:
        _note_failure(found, _WRONG if found.person_id else _UNKNOWN, client_id, reservation)
        return None
    return Proof(found.person_id, found.password_hash, reservation, new_hash, found.known_device)


def accept(session: Session, proof: Proof, *, client_id: str) -> Person | None:
    """Return the person of *proof* as they are now, inside the transaction that signs them in.

    The password may have been changed while it was hashed: then nobody is returned. A disabled person is returned, and
    the refusal noted: whoever gave the right password may be told.
    """
    # Locked, so that whoever changes the password meanwhile comes after, and ends the session that begins here, too.
    person = accounts.find(session, proof.person_id, lock=True)
    if person is None or person.password_hash != proof.password_hash:
        return None
    if person.disabled_at is not None:
        event = PersonSignInFailed(
            target_id=person.id,
            target_name=person.name or person.username,
            reason=_DISABLED,
            client_id=client_id,
            device=device(),
        )
        record(session, event, now=clock.utc_now(), actor=acting("", ""))
    elif proof.new_hash is not None:
        accounts.replace_hash(session, person, proof.new_hash)
    return person


def give_back(proof: Proof) -> None:
    """Uncount the try: its password was right."""
    throttle().give_back(proof.reservation, clock.utc_now())


def _find(name: str) -> Found:
    session = db.session()
    person = accounts.find_by_login(session, name)
    browser = browser_fingerprint()
    found = Found()
    if person is not None:
        known = sessions.known_device(session, browser, person.id, now=clock.utc_now())
        found = Found(person.id, person.name or person.username, person.password_hash, known)
    # Reading is over: no connection is held while waiting for a place to hash.
    session.rollback()
    return found


def _note_failure(found: Found, reason: str, client_id: str, reservation: Reservation) -> None:
    now = clock.utc_now()
    who = {"target_id": found.person_id or "", "target_name": found.display_name}
    with transaction() as session:
        failed = PersonSignInFailed(**who, reason=reason, client_id=client_id, device=device())
        record(session, failed, now=now, actor=acting("", ""))
        for key, blocked_until in reservation.taken:
            if blocked_until is not None:
                seconds = max(1, int((blocked_until - now).total_seconds()))
                event = ThrottleHit(**who, limit=key.partition(":")[0], seconds=seconds)
                record(session, event, now=now, actor=acting("", ""))
