"""One use of a passkey: challenge, answer, check, and only then believed.

The challenge is ended before anything is checked, so that no answer is tried twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from flask import request

from idp import clock
from idp.accounts import store as accounts
from idp.audit.events import PersonSignInFailed
from idp.audit.log import record
from idp.db import db, transaction
from idp.login import throttling
from idp.login.actor import acting
from idp.login.browser import bind_browser, browser_fingerprint
from idp.login.passkey_method import method as method_of
from idp.login.passkey_party import party
from idp.login.refused import Refused, blocked_by
from idp.passkeys import ceremonies, challenges, store
from idp.passkeys.ceremonies import NOT_VERIFIED, AnswerRefused, RelyingParty
from idp.sessions import devices
from idp.sessions import store as sessions
from idp.web.addresses import client_address
from idp.web.throttle import Blocked, throttle
from idp.wording import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.method import Method
    from idp.passkeys.ceremonies import Answer, Use
    from idp.passkeys.models import Passkey
    from idp.web.throttle import Reservation

_LOG = structlog.get_logger("idp.login")
FIELD = "passkey"
_UNREADABLE = say("We couldn’t read what your browser sent. Try again, or use your password.")
_STALE = say("That took too long. Try again.")
_UNKNOWN = say("We don’t know this passkey any more. Use another one, or your password.")
_OTHER = say("That passkey belongs to another account. Use one of this account, or your password.")
_WRONG = say("We couldn’t check that passkey. Try again, or use your password.")
_UNVERIFIED = say(
    "Your device didn’t check that it’s you. Set up a screen lock or a PIN for the passkey, or use your password."
)
_UNKNOWN_REASON, _WRONG_REASON, _DISABLED = "unknown_passkey", "wrong_passkey", "disabled"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer is to be for: a purpose, the session that asks, and whose passkey it must be, if that is known."""

    purpose: str
    user_verification: str
    session_id: str = ""
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified use of one passkey, not yet noted."""

    passkey_id: str
    person_id: str
    seen: int
    use: Use
    method: Method
    reservation: Reservation
    known_device: bool


@dataclass(frozen=True, slots=True)
class _Found:
    party: RelyingParty
    passkey: Passkey | None
    known_device: bool


def ask(session: Session, expected: Expected, ours: RelyingParty) -> dict[str, Any]:
    """Begin a challenge, and return what the browser is to be asked."""
    challenge = challenges.begin(
        session, expected.purpose, browser=bind_browser(), session_id=expected.session_id, now=clock.utc_now()
    )
    held = store.of_person(session, expected.person_id) if expected.person_id else []
    return ceremonies.request_options(
        ours, challenge, allow=store.descriptors(held), user_verification=expected.user_verification
    )


def prove(text: str, expected: Expected, *, client_id: str) -> Proof | Refused:
    """Check the answer in *text*; whatever comes of it, its challenge is ended."""
    try:
        answer = ceremonies.read(text)
        reservation = throttle().reserve(throttling.address_limit(client_address()), clock.utc_now())
    except AnswerRefused as error:
        _LOG.info("passkey refused", detail=error.detail)
        return _refused(_UNREADABLE)
    except Blocked as blocked:
        return blocked_by(blocked)
    found = _look_up(answer, expected)
    if found is None:
        throttle().give_back(reservation, clock.utc_now())
        return _refused(_STALE)
    if found.passkey is None:
        _note_failure(_UNKNOWN_REASON, client_id)
        return Refused(((FIELD, _UNKNOWN),), unknown_passkey=answer.credential_id)
    use = _check(answer, found, expected, client_id=client_id)
    if isinstance(use, Refused):
        return use
    passkey = found.passkey
    method = method_of(backup_eligible=passkey.backup_eligible, user_verified=use.user_verified)
    return Proof(passkey.id, passkey.person_id, passkey.sign_count, use, method, reservation, found.known_device)


def use_in(session: Session, text: str, expected: Expected) -> Method | Refused:
    """Check the answer in *text* and note the use, all inside the transaction of *session*; return what it proves."""
    now, ours = clock.utc_now(), party()
    try:
        answer = ceremonies.read(text)
    except AnswerRefused as error:
        _LOG.info("passkey refused", detail=error.detail)
        return _refused(_UNREADABLE)
    is_ours = challenges.consume(
        session,
        answer.challenge,
        expected.purpose,
        browser=browser_fingerprint(),
        session_id=expected.session_id,
        now=now,
    )
    if ours is None or not is_ours:
        return _refused(_STALE)
    passkey = store.find_by_credential(session, answer.credential_id)
    if passkey is None or not _is_theirs(answer, passkey, expected):
        return _refused(_OTHER if passkey else _UNKNOWN)
    use = _verified(ours, answer, passkey, expected)
    if isinstance(use, AnswerRefused):
        return _refused(_UNVERIFIED if use.reason == NOT_VERIFIED else _WRONG)
    if not _noted(session, passkey.id, passkey.sign_count, use):
        return _refused(_WRONG)
    return method_of(backup_eligible=passkey.backup_eligible, user_verified=use.user_verified, is_alone=False)


def accept(session: Session, proof: Proof, *, client_id: str) -> Person | None:
    """Note the use, inside the transaction that signs in; return the person as they are now.

    Nobody is returned when the passkey was removed, or used elsewhere, meanwhile. A disabled person is returned, and
    the refusal noted.
    """
    person = accounts.find(session, proof.person_id, lock=True)
    if person is None or not _noted(session, proof.passkey_id, proof.seen, proof.use):
        return None
    if person.disabled_at is not None:
        event = PersonSignInFailed(
            target_id=person.id, target_name=person.name or person.username, reason=_DISABLED, client_id=client_id
        )
        record(session, event, now=clock.utc_now(), actor=acting("", ""))
    return person


def give_back(proof: Proof) -> None:
    """Uncount the try: it was good."""
    throttle().give_back(proof.reservation, clock.utc_now())


def gone() -> Refused:
    """Return the refusal of a passkey that was removed, or used elsewhere, while it was checked."""
    return _refused(_WRONG)


def _look_up(answer: Answer, expected: Expected) -> _Found | None:
    """End the challenge, and find what answered it; nothing when it was none of this browser's, or not any more."""
    browser, now, ours = browser_fingerprint(), clock.utc_now(), party()
    with transaction() as session:
        is_ours = challenges.consume(
            session, answer.challenge, expected.purpose, browser=browser, session_id=expected.session_id, now=now
        )
        if ours is None or not is_ours:
            return None
        passkey = store.find_by_credential(session, answer.credential_id)
        known = passkey is not None and sessions.known_device(session, browser, passkey.person_id, now=now)
        return _Found(ours, passkey, known)


def _check(answer: Answer, found: _Found, expected: Expected, *, client_id: str) -> Use | Refused:
    passkey = found.passkey
    if passkey is None or not _is_theirs(answer, passkey, expected):
        _note_failure(_WRONG_REASON, client_id, passkey.person_id if passkey else "")
        return _refused(_OTHER)
    use = _verified(found.party, answer, passkey, expected)
    if isinstance(use, AnswerRefused):
        _note_failure(use.reason, client_id, passkey.person_id)
        return _refused(_UNVERIFIED if use.reason == NOT_VERIFIED else _WRONG)
    return use


def _verified(ours: RelyingParty, answer: Answer, passkey: Passkey, expected: Expected) -> Use | AnswerRefused:
    try:
        return ceremonies.verify_use(ours, answer, passkey, user_verification=expected.user_verification)
    except AnswerRefused as error:
        _LOG.warning("passkey refused", passkey_id=passkey.id, detail=error.detail)
        return error


def _noted(session: Session, passkey_id: str, seen: int, use: Use) -> bool:
    return store.note_use(
        session,
        passkey_id,
        seen=seen,
        sign_count=use.sign_count,
        backed_up=use.backed_up,
        device=devices.describe(request.headers.get("User-Agent", "")),
        now=clock.utc_now(),
    )


def _is_theirs(answer: Answer, passkey: Passkey, expected: Expected) -> bool:
    """Tell whether the answer speaks for the person whose passkey it is, and they are the one that is expected."""
    if answer.user_handle is None:
        # Web Authentication section 7.2, step 6: who nobody has named must be named by the answer.
        return expected.person_id == passkey.person_id
    if answer.user_handle != ceremonies.handle_of(passkey.person_id):
        return False
    return expected.person_id is None or expected.person_id == passkey.person_id


def _note_failure(reason: str, client_id: str, person_id: str = "") -> None:
    person = accounts.find(db.session(), person_id) if person_id else None
    name = (person.name or person.username) if person else ""
    event = PersonSignInFailed(target_id=person_id, target_name=name, reason=reason, client_id=client_id)
    with transaction() as session:
        record(session, event, now=clock.utc_now(), actor=acting("", ""))


def _refused(sentence: str) -> Refused:
    return Refused(((FIELD, sentence),))
