"""The sign-in between its first proof and its last: what was proven is kept in a row, never in a session.

Every way to sign in ends in ``prove``: it makes the session where nothing more is asked for, and else a half-finished
sign-in, which each further step takes one step on. Only the step that leaves nothing outstanding makes the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, make_response, redirect, request, url_for

from idp import clock
from idp.accounts import store as accounts
from idp.db import db
from idp.login import entering, passkey_offering, second_step
from idp.login.browser import (
    bind_browser,
    browser_fingerprint,
    current_session,
    forget_forms,
    forget_loaded_session,
    set_session_cookie,
)
from idp.sessions import pending
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.method import Method
    from idp.login.waiting import Waiting
    from idp.sessions.models import PendingSignIn
    from idp.sessions.pending import Proven
    from idp.sessions.store import SessionView


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a proof led to: the value of the session cookie, or with something ``outstanding`` that of the other one."""

    cookie: str
    outstanding: tuple[str, ...] = ()
    # The session that was here before goes on, under another cookie.
    goes_on: bool = False


def prove(
    session: Session,
    person: Person,
    method: Method,
    waiting: Waiting,
    *,
    known_device: bool,
    also: Sequence[str] = (),
) -> Outcome:
    """Go on after *person*, who is locked and not disabled, has proven by *method* who they are.

    ``also`` names further steps (of ``second_step.STEPS``) that this sign-in takes, whatever the policy says.
    """
    proven = method.alone
    asked = second_step.outstanding(session, person, proven, waiting.client)
    steps = (*asked, *also, *second_step.password_due(person))
    if not steps:
        return Outcome(entering.enter(session, person, proven, waiting, known_device=known_device))
    _, cookie = pending.begin(
        session,
        person,
        proven,
        outstanding=steps,
        browser=bind_browser(),
        interaction_id=waiting.id,
        known_device=known_device,
        now=clock.utc_now(),
    )
    return Outcome(cookie, steps)


def confirm(session: Session, view: SessionView, person: Person, method: Method, waiting: Waiting) -> Outcome | None:
    """Go on after the person of the live session *view*, who is locked, has proven by *method* that it is they.

    Whoever has a second factor is asked for it, remembered browser or not. ``None``: the session has ended meanwhile.
    """
    proven = method.alone
    steps = second_step.outstanding(session, person, proven, None, may_skip=False)
    # Who has none yet is led to set one up at the next sign-in, not in the middle of something else.
    if second_step.SECOND_FACTOR not in steps:
        cookie = entering.confirm(session, view, proven)
        return Outcome(cookie, goes_on=True) if cookie else None
    return _begin_from(session, view, person, proven, steps, waiting, is_fresh=True)


def raise_level(
    session: Session, view: SessionView, person: Person, waiting: Waiting, steps: tuple[str, ...]
) -> Outcome:
    """Ask the person of the live session *view* for *steps* alone, beside what they proved when they came."""
    proven = pending.Proven("", view.amr, view.acr)
    return _begin_from(session, view, person, proven, steps, waiting, is_fresh=False)


def current(waiting: Waiting) -> PendingSignIn | None:
    """Return the half-finished sign-in of this browser for *waiting*, while its person may go on with it."""
    cookie = request.cookies.get(cookie_name(), "")
    session = db.session()
    half = pending.find(session, cookie, browser=browser_fingerprint(), interaction_id=waiting.id, now=clock.utc_now())
    if half is None or not pending.is_theirs(half, accounts.find(session, half.person_id)):
        return None
    if half.session_id and (current_session() is None or _session_of(half) is None):
        return None
    return half


def take(
    session: Session, half: PendingSignIn, person: Person, step: str, method: Method | None, waiting: Waiting
) -> Outcome | None:
    """Note that *step* is done, by *method* if it proved something; return what it led to.

    *person* is locked. ``None``: nothing of it counts, since somebody was faster, or what it depends on has changed.
    """
    if not half.outstanding or half.outstanding[0] != step or not pending.is_theirs(half, person):
        return None
    proven = pending.Proven(half.method, tuple(half.amr), half.acr)
    if method is not None:
        proven = method.after(proven)
    left = tuple(half.outstanding[1:])
    if not pending.advance(session, half, proven, outstanding=left, now=clock.utc_now()):
        return None
    if left:
        return Outcome(request.cookies.get(cookie_name(), ""), left)
    if not half.session_id:
        return Outcome(entering.enter(session, person, proven, waiting, known_device=half.known_device))
    view = _session_of(half)
    if view is None:
        return None
    cookie = entering.confirm(session, view, proven) if half.is_fresh else entering.strengthen(session, view, proven)
    return Outcome(cookie, goes_on=True) if cookie else None


def answer(outcome: Outcome, waiting: Waiting, *, leads_to: str = "") -> Response:
    """Send the browser on: to what waited (or where it ``leads_to``), or to the page that asks for the next thing."""
    if outcome.outstanding:
        response = _see_other(address(outcome.outstanding[0], waiting))
        _set_cookie(response, outcome.cookie)
        return response
    forget_loaded_session()
    offer = None if outcome.goes_on or leads_to else passkey_offering.stop_on_the_way(waiting, outcome.cookie)
    response = _see_other(offer or leads_to or waiting.resume_at)
    if not outcome.goes_on:
        # The forms shown to whoever was here before are worth nothing from now on.
        forget_forms()
    if request.cookies.get(cookie_name()):
        clear_cookie(response)
    set_session_cookie(response, outcome.cookie)
    return response


def start_over(waiting: Waiting) -> Response:
    """Send the browser to the sign-in page: nothing that was half finished for *waiting* can go on."""
    cookie = request.cookies.get(cookie_name(), "")
    # In another tab it may still go on.
    is_over = bool(cookie) and not pending.is_live(db.session(), cookie, clock.utc_now())
    is_late = is_over and current_session() is None
    response = _see_other(url_for("login.index", interaction=waiting.id or None, expired="1" if is_late else None))
    if is_over:
        clear_cookie(response)
    return response


def address(step: str, waiting: Waiting) -> str:
    """Return the page that asks for *step*."""
    return url_for(second_step.STEPS[step], interaction=waiting.id or None)


def decline_address(half: PendingSignIn, waiting: Waiting) -> str:
    """Return where whoever is signed in, and will not do more, goes back to the app from; empty where there is none."""
    is_asked_by_app = bool(half.session_id) and waiting.client is not None
    return url_for("login_second.decline", interaction=waiting.id) if is_asked_by_app else ""


def cookie_name() -> str:
    """Return the name of the cookie of a half-finished sign-in."""
    return "__Host-idp-half" if service(Settings).is_secure else "idp-half"


def clear_cookie(response: Response) -> None:
    """Take the cookie of a half-finished sign-in back."""
    secure = service(Settings).is_secure
    response.delete_cookie(cookie_name(), path="/", secure=secure, httponly=True, samesite="Lax")


def _begin_from(  # noqa: PLR0913 - private: what a step-up consists of
    session: Session,
    view: SessionView,
    person: Person,
    proven: Proven,
    steps: tuple[str, ...],
    waiting: Waiting,
    *,
    is_fresh: bool,
) -> Outcome:
    _, cookie = pending.begin(
        session,
        person,
        proven,
        outstanding=steps,
        browser=bind_browser(),
        interaction_id=waiting.id,
        session_id=view.id,
        is_fresh=is_fresh,
        known_device=True,
        now=clock.utc_now(),
    )
    return Outcome(cookie, steps)


def _session_of(half: PendingSignIn) -> SessionView | None:
    """Return the live session that *half* is about, if it is the one of this browser."""
    view = current_session()
    return view if view is not None and (view.id, view.person_id) == (half.session_id, half.person_id) else None


def _set_cookie(response: Response, value: str) -> None:
    secure, name = service(Settings).is_secure, cookie_name()
    lifetime = pending.LIFETIME
    response.set_cookie(name, value, max_age=lifetime, path="/", secure=secure, httponly=True, samesite="Lax")


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
