"""What a proven password changes: a new session instead of the old one, or a fresh sign-in noted in the present one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from idp import clock
from idp.accounts import store as accounts
from idp.audit.events import PersonConfirmed, PersonSignedIn
from idp.audit.log import record
from idp.db import transaction
from idp.deliveries import sign_outs
from idp.diagnosis import reasons
from idp.interactions import store as interactions
from idp.login import attempts
from idp.login.actor import acting
from idp.login.browser import bind_browser, current_session, forget_loaded_session
from idp.login.methods.password import METHOD
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.throttle import Blocked

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.attempts import Proof
    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView

_WRONG = "That username or email address and that password don’t match."
_WRONG_PASSWORD = "That password is not right."
_SECONDS_SHOWN = 90


@dataclass(frozen=True, slots=True)
class SignedIn:
    """It worked: the value of the new session cookie."""

    cookie: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not: what the page says (field and sentence), and its status."""

    errors: tuple[tuple[str, str], ...]
    status: int = 400
    retry_after: int | None = None


def sign_in(name: str, password: str, waiting: Waiting) -> SignedIn | Refused:
    """Sign whoever has *name* in, if *password* is right.

    Raises:
        HashingBusy: no place to hash; nothing was tried.

    """
    missing = _missing(name, password)
    if missing:
        return Refused(missing)
    try:
        proof = attempts.prove(name, password, client_id=waiting.client_id)
    except Blocked as blocked:
        return _blocked(blocked)
    if proof is None:
        return Refused((("username", _WRONG),))
    return _start(proof, waiting)


def confirm(view: SessionView, password: str, waiting: Waiting) -> SignedIn | Refused:
    """Note that the person of the session *view* has just given the password again.

    Raises:
        HashingBusy: no place to hash; nothing was tried.

    """
    missing = _missing(view.username, password)
    if missing:
        return Refused(missing)
    try:
        proof = attempts.prove(view.username, password, client_id=waiting.client_id)
    except Blocked as blocked:
        return _blocked(blocked)
    cookie = _rotate(proof, view) if proof is not None and proof.person_id == view.person_id else None
    return SignedIn(cookie) if cookie else Refused((("password", _WRONG_PASSWORD),))


def _start(proof: Proof, waiting: Waiting) -> SignedIn | Refused:
    before = current_session()
    browser = bind_browser()
    with transaction() as session:
        person = attempts.accept(session, proof, client_id=waiting.client_id)
        cookie = ""
        if person is not None and person.disabled_at is None:
            session_id, cookie = _continue(session, before, person.id) or _begin(session, person.id)
            _leave(session, before, person.id, browser=browser, keep=waiting.id)
            _note(session, person, proof, waiting, session_id=session_id, browser=browser)
    attempts.give_back(proof)
    if person is None:
        return Refused((("username", _WRONG),))
    if not cookie:
        return Refused((("", f"{reasons.PERSON_DISABLED.title}. {reasons.PERSON_DISABLED.public}"),), status=403)
    forget_loaded_session()
    return SignedIn(cookie)


def _continue(session: Session, before: SessionView | None, person_id: str) -> tuple[str, str] | None:
    """Go on with the session that the same person has here; the apps that it reached know it by its id."""
    if before is None or before.person_id != person_id:
        return None
    settings, now = service(Settings), clock.utc_now()
    cookie = sessions.renew(session, before.id, amr=METHOD.amr, acr=METHOD.acr, settings=settings, now=now)
    return (before.id, cookie) if cookie else None


def _leave(session: Session, before: SessionView | None, person_id: str, *, browser: str, keep: str) -> None:
    """End the session that another person had here; what waits for them does not become this one's."""
    if before is not None and before.person_id != person_id:
        sign_outs.end(session, before.id, before.person_id, clock.utc_now())
        interactions.drop_of_browser(session, browser, keep=keep)


def _begin(session: Session, person_id: str) -> tuple[str, str]:
    row, cookie = sessions.start(
        session,
        person_id=person_id,
        amr=METHOD.amr,
        acr=METHOD.acr,
        user_agent=request.headers.get("User-Agent", ""),
        address=client_address(),
        settings=service(Settings),
        now=clock.utc_now(),
    )
    return row.id, cookie


def _note(session: Session, person: Person, proof: Proof, waiting: Waiting, *, session_id: str, browser: str) -> None:
    now = clock.utc_now()
    sessions.remember_device(session, browser, person.id, now)
    accounts.note_sign_in(session, person, now)
    name = person.name or person.username
    event = PersonSignedIn(
        target_id=person.id,
        target_name=name,
        amr=METHOD.amr,
        session_id=session_id,
        client_id=waiting.client_id,
        new_device=not proof.known_device,
    )
    record(session, event, now=now, actor=acting(person.id, name))


def _rotate(proof: Proof, view: SessionView) -> str | None:
    now = clock.utc_now()
    cookie = None
    with transaction() as session:
        person = attempts.accept(session, proof, client_id="")
        if person is not None and person.disabled_at is None:
            cookie = sessions.rotate(session, view.id, amr=METHOD.amr, now=now)
        if cookie is not None:
            event = PersonConfirmed(
                target_id=view.person_id, target_name=view.display_name, amr=METHOD.amr, session_id=view.id
            )
            record(session, event, now=now, actor=acting(view.person_id, view.display_name))
    attempts.give_back(proof)
    return cookie


def _missing(name: str, password: str) -> tuple[tuple[str, str], ...]:
    errors = () if name else (("username", "Enter your username or email address."),)
    return errors if password else (*errors, ("password", "Enter your password."))


def _blocked(blocked: Blocked) -> Refused:
    wait = blocked.retry_after or 1
    text = f"{wait} s" if wait <= _SECONDS_SHOWN else f"{-(-wait // 60)} minutes"
    return Refused((("", f"Too many tries. Try again in {text}."),), blocked.status, wait)
