"""``/login/enrol``: setting a second factor up in the middle of a sign-in that cannot end without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import store as accounts
from idp.db import commits_in_steps, db, transaction
from idp.errors import NotFound
from idp.factors import changes, recovery_codes
from idp.factors.changes import Change
from idp.login import enrolment, halfway, second_step
from idp.login.actor import acting
from idp.login.methods.totp import METHOD
from idp.login.waiting import find_waiting
from idp.sessions import devices
from idp.vault import Secrets, Vault
from idp.web import language
from idp.web.current import service
from idp.web.headers import pending_page
from idp.wording import say

if TYPE_CHECKING:
    from idp.accounts.models import Person
    from idp.login.enrolment import Offer
    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.models import PendingSignIn

bp = Blueprint("login_enrol", __name__, url_prefix="/login/enrol")


@bp.get("")
@commits_in_steps
def index() -> Response:
    """Show the seed of an authenticator app, and ask for a code made from it."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None or half.outstanding[0] != second_step.ENROL:
        return _elsewhere(half, waiting)
    return _enrol_page(waiting, half, _offer(half))


@bp.post("")
@commits_in_steps
def enrol() -> Response:
    """Keep the seed once a code proves that the app has it, and show the recovery codes."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None or half.outstanding[0] != second_step.ENROL:
        return _elsewhere(half, waiting)
    given = _offer(half)
    now = clock.utc_now()
    step = enrolment.confirmed_step(given, request.form.get("code", ""), now)
    if step is None:
        sentence = enrolment.WRONG if request.form.get("code", "").strip() else enrolment.MISSING
        return _enrol_page(waiting, half, given, sentence)
    outcome, person_id = None, half.person_id
    with transaction() as session:
        person = accounts.find(session, person_id, lock=True)
        found = halfway.current(waiting)
        if person is not None and found is not None:
            outcome = halfway.take(session, found, person, second_step.ENROL, METHOD, waiting)
        if person is not None and outcome is not None:
            changes.add_totp(session, person, given.seed, step=step, change=_change(half, person))
    return halfway.start_over(waiting) if outcome is None else halfway.answer(outcome, waiting)


@bp.get("/codes")
@commits_in_steps
def codes() -> Response:
    """Say what recovery codes are for; they are made when they are asked for, since they are shown once."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None or half.outstanding[0] != second_step.SAVE_CODES:
        return _elsewhere(half, waiting)
    return _codes_page(waiting, [])


@bp.post("/codes")
@commits_in_steps
def save_codes() -> Response:
    """Make the codes and show them, or go on once they are saved."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None or half.outstanding[0] != second_step.SAVE_CODES:
        return _elsewhere(half, waiting)
    if "saved" in request.form and recovery_codes.left(db.session(), half.person_id):
        outcome = _saved(half.person_id, waiting)
        return halfway.start_over(waiting) if outcome is None else halfway.answer(outcome, waiting)
    with transaction() as session:
        person = _locked(half.person_id)
        made = changes.make_recovery_codes(session, person, service(Secrets), change=_change(half, person))
    return _codes_page(waiting, made)


def _saved(person_id: str, waiting: Waiting) -> Outcome | None:
    with transaction() as session:
        person = _locked(person_id)
        found = halfway.current(waiting)
        if found is None:
            return None
        return halfway.take(session, found, person, second_step.SAVE_CODES, None, waiting)


def _change(half: PendingSignIn, person: Person) -> Change:
    return Change(
        service(Vault),
        acting(person.id, person.name or person.username),
        clock.utc_now(),
        device=devices.describe(request.headers.get("User-Agent", "")),
        language=language.of_person(person.claims.get("locale"), is_here=True),
        keep_session=half.session_id,
        keep_pending=half.id,
    )


def _locked(person_id: str) -> Person:
    person = accounts.find(db.session(), person_id, lock=True)
    if person is None:
        raise NotFound(say("This account is gone."))
    return person


def _offer(half: PendingSignIn) -> Offer:
    person = accounts.find(db.session(), half.person_id)
    account = person.username if person is not None else ""
    return enrolment.offer(half.person_id, account, holder=half.id, envelope=request.form.get("enrolment", ""))


def _elsewhere(half: PendingSignIn | None, waiting: Waiting) -> Response:
    if half is None:
        return halfway.start_over(waiting)
    return make_response(redirect(halfway.address(half.outstanding[0], waiting), code=303))


def _enrol_page(waiting: Waiting, half: PendingSignIn, given: Offer, fault: str = "") -> Response:
    pending_page()
    page = render_template(
        "login/enrol.html",
        waiting=waiting,
        offer=given,
        decline=halfway.decline_address(half, waiting),
        action=url_for("login_enrol.enrol", interaction=waiting.id or None),
        errors=[("code", fault)] if fault else [],
    )
    return make_response(page, 400 if fault else 200)


def _codes_page(waiting: Waiting, made: list[str]) -> Response:
    pending_page()
    action = url_for("login_enrol.save_codes", interaction=waiting.id or None)
    return make_response(render_template("login/enrol_codes.html", waiting=waiting, codes=made, action=action))
