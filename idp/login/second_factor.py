"""One try of a second factor: reserved like a password, checked, and only then believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import request

from idp import clock
from idp.accounts import store as accounts
from idp.audit.events import PersonSignInFailed
from idp.audit.log import record
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.factors import email_codes
from idp.factors import store as factors
from idp.login import halfway, left_out, second_step
from idp.login.actor import acting
from idp.login.browser import browser_fingerprint
from idp.login.factor import Try
from idp.login.methods import email_code
from idp.login.refused import Refused, blocked_by
from idp.login.throttling import limits_for_code
from idp.sessions import pending
from idp.sessions import store as sessions
from idp.vault import Secrets, Vault
from idp.web import language
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.throttle import Blocked, Limit, Rule, throttle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.factor import Answer, Factor
    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.models import PendingSignIn

# Somebody whose codes are refused again and again may have a phone whose clock is wrong.
HINT_AFTER = 2
# Codes by email of one person, whatever they are for.
_CODES = Rule(
    "email_code",
    free=10,
    first_wait=timedelta(minutes=5),
    longest_wait=timedelta(hours=1),
    window=timedelta(hours=1),
)


def answer(half: PendingSignIn, factor: Factor, waiting: Waiting) -> Outcome | Refused | None:
    """Try what the form holds for *factor*. ``None``: the half-finished sign-in is over."""
    now, person_id, pending_id = clock.utc_now(), half.person_id, half.id
    try:
        reservation = throttle().reserve(_limits(person_id), now)
    except Blocked as blocked:
        return blocked_by(blocked)
    factor.prepare()
    outcome, given = None, None
    with transaction() as session:
        person = accounts.find(session, person_id, lock=True)
        found = halfway.current(waiting)
        if person is not None and found is not None and found.id == pending_id:
            given = factor.check(Try(session, person, found, request.form, now))
            if given.is_right:
                method = given.method or factor.method
                outcome = halfway.take(session, found, person, second_step.SECOND_FACTOR, method, waiting)
                if outcome is not None and factor.name != email_code.METHOD.name:
                    factors.resume(session, person.id, factors.EMAIL)
            else:
                _note_failure(session, found, person, given, waiting)
            if outcome is not None and "remember" in request.form:
                left_out.remember(session, person)
    if given is None or given.is_right:
        throttle().give_back(reservation, clock.utc_now())
        return outcome
    return Refused((("code" if factor.has_field else "", given.sentence),))


def send_code(person_id: str, pending_id: str) -> Refused | None:
    """Mail the person a code for the half-finished sign-in; nothing when the last one went a moment ago.

    Whoever knows a password can begin any number of sign-ins: too many codes in an hour are refused.
    """
    now = clock.utc_now()
    try:
        reservation = throttle().reserve([Limit(_CODES, person_id)], now)
    except Blocked as blocked:
        return blocked_by(blocked)
    if not _queue_code(person_id, pending_id, now):
        throttle().give_back(reservation, now)
    return None


def _queue_code(person_id: str, pending_id: str, now: datetime) -> bool:
    with transaction() as session:
        person = accounts.find(session, person_id, lock=True)
        code = email_codes.issue(session, service(Secrets), pending_id, now) if person is not None else None
        if person is None or code is None:
            return False
        facts = {
            "name": person.name or person.username,
            "code": code,
            "minutes": email_codes.LIFETIME // timedelta(minutes=1),
        }
        letter = Mail(
            template="second_factor_code",
            to=person.email,
            person_id=person.id,
            facts=facts,
            lifetime=email_codes.LIFETIME,
            language=language.of_person(person.claims.get("locale"), is_here=True),
        )
        mail.queue(session, service(Vault), letter, now=now)
    return True


def _limits(person_id: str) -> Sequence[Limit]:
    session, browser = db.session(), browser_fingerprint()
    person = accounts.find(session, person_id)
    name = person.username if person else ""
    is_known = sessions.known_device(session, browser, person_id, now=clock.utc_now())
    session.rollback()
    return limits_for_code(name, person_id=person_id, device=browser if is_known else None, address=client_address())


def _note_failure(session: Session, half: PendingSignIn, person: Person, given: Answer, waiting: Waiting) -> None:
    pending.note_failure(session, half.id)
    event = PersonSignInFailed(
        target_id=person.id,
        target_name=person.name or person.username,
        reason=given.reason,
        client_id=waiting.client_id,
    )
    record(session, event, now=clock.utc_now(), actor=acting("", ""))
