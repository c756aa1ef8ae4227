"""What a proven sign-in changes: a new session instead of the old one, or the present one renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from idp import clock
from idp.accounts import store as accounts
from idp.audit.events import PersonConfirmed, PersonSignedIn
from idp.audit.log import record
from idp.deliveries import sign_outs
from idp.interactions import store as interactions
from idp.login import notices
from idp.login.actor import acting
from idp.login.browser import bind_browser, current_session, device
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.addresses import client_address
from idp.web.current import service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.waiting import Waiting
    from idp.sessions.pending import Proven
    from idp.sessions.store import SessionView


def enter(session: Session, person: Person, proven: Proven, waiting: Waiting, *, known_device: bool) -> str:
    """Sign *person*, who is not disabled, in to this browser; return the value of the session cookie.

    Only ``idp.login.halfway`` calls this, since more may be asked for first. The transaction is to hold the person
    locked, so that whoever changes how they sign in comes after, and ends the session that begins here, too. Afterwards
    the caller forgets the loaded session.
    """
    before = current_session()
    browser = bind_browser()
    session_id, cookie = _continue(session, before, person.id, proven) or _begin(session, person.id, proven)
    _leave(session, before, person.id, browser=browser, keep=waiting.id)
    now = clock.utc_now()
    sessions.remember_device(session, browser, person.id, now)
    if not known_device and person.last_sign_in_at is not None and service(Settings).mail.new_device:
        notices.tell(session, person, "new_sign_in", now=now, themselves=True)
    accounts.note_sign_in(session, person, now)
    name = person.name or person.username
    event = PersonSignedIn(
        target_id=person.id,
        target_name=name,
        amr=proven.amr,
        session_id=session_id,
        client_id=waiting.client_id,
        device=device(),
        new_device=not known_device,
    )
    record(session, event, now=now, actor=acting(person.id, name))
    return cookie


def confirm(session: Session, view: SessionView, proven: Proven) -> str | None:
    """Note what was *proven* anew in the live session *view*; return its new cookie, or nothing when it has ended."""
    now = clock.utc_now()
    cookie = sessions.rotate(session, view.id, amr=proven.amr, acr=proven.acr, now=now)
    return _noted(session, view, proven, cookie)


def strengthen(session: Session, view: SessionView, proven: Proven) -> str | None:
    """Note in the live session *view* what was proven beside its sign-in; that one is as old as it was."""
    cookie = sessions.strengthen(session, view.id, amr=proven.amr, acr=proven.acr)
    return _noted(session, view, proven, cookie)


def _noted(session: Session, view: SessionView, proven: Proven, cookie: str | None) -> str | None:
    now = clock.utc_now()
    if cookie is not None:
        event = PersonConfirmed(
            target_id=view.person_id, target_name=view.display_name, amr=proven.amr, session_id=view.id
        )
        record(session, event, now=now, actor=acting(view.person_id, view.display_name))
    return cookie


def _continue(session: Session, before: SessionView | None, person_id: str, proven: Proven) -> tuple[str, str] | None:
    """Go on with the session that the same person has here; the apps that it reached know it by its id."""
    if before is None or before.person_id != person_id:
        return None
    settings, now = service(Settings), clock.utc_now()
    cookie = sessions.renew(session, before.id, amr=proven.amr, acr=proven.acr, settings=settings, now=now)
    return (before.id, cookie) if cookie else None


def _begin(session: Session, person_id: str, proven: Proven) -> tuple[str, str]:
    row, cookie = sessions.start(
        session,
        person_id=person_id,
        amr=proven.amr,
        acr=proven.acr,
        user_agent=request.headers.get("User-Agent", ""),
        address=client_address(),
        settings=service(Settings),
        now=clock.utc_now(),
    )
    return row.id, cookie


def _leave(session: Session, before: SessionView | None, person_id: str, *, browser: str, keep: str) -> None:
    """End the session that another person had here; what waits for them does not become this one's."""
    if before is not None and before.person_id != person_id:
        now = clock.utc_now()
        sign_outs.end(session, before.id, before.person_id, now)
        interactions.end_of_browser(session, browser, now, keep=keep)
