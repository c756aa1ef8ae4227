"""The person's own second factors: set up, replace, take away; recovery codes; browsers in which nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.account.ended import told
from idp.accounts import store as accounts
from idp.db import commits_in_steps, db, transaction
from idp.errors import NotFound
from idp.factors import changes, policy, recovery_codes, store
from idp.factors.changes import Change
from idp.login import enrolment, second_step
from idp.login.actor import actor
from idp.login.browser import forget_forms, set_session_cookie, signed_in
from idp.login.guards import login_required, recent_sign_in
from idp.protocol import acr
from idp.sessions import devices
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.vault import Secrets, Vault
from idp.web import language, viewer
from idp.web.current import service
from idp.wording import say, spoken

if TYPE_CHECKING:
    from flask import Response
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.enrolment import Offer

bp = Blueprint("account_two_step", __name__, url_prefix="/account/security")


@bp.get("/authenticator")
@login_required
@recent_sign_in
def authenticator() -> Response:
    """Show the seed of an authenticator app, and ask for a code made from it."""
    return _enrol_page(_offer())


@bp.post("/authenticator")
@login_required
@recent_sign_in
@commits_in_steps
def set_up() -> Response:
    """Keep the seed once a code proves that the app has it; whoever was signed in elsewhere is out."""
    given, typed = _offer(), request.form.get("code", "")
    step = enrolment.confirmed_step(given, typed, clock.utc_now())
    if step is None:
        return _enrol_page(given, enrolment.WRONG if typed.strip() else enrolment.MISSING)
    with transaction() as session:
        person = _locked(session)
        ended = changes.add_totp(session, person, given.seed, step=step, change=_change())
        # The code proved it: this session is one of two factors now.
        cookie = _strengthened(session)
    flash(spoken(say("Your authenticator app is set up. %(ended)s", ended=told(ended.sessions))), "ok")
    answer = make_response(redirect(_after_set_up(), 303))
    if cookie is not None:
        forget_forms()
        set_session_cookie(answer, cookie)
    return answer


@bp.post("/email-code")
@login_required
@recent_sign_in
@transaction()
def switch_email_on() -> Response:
    """Let the person prove themselves with codes sent to their verified address."""
    session = db.session()
    person = _locked(session)
    if not service(Settings).sign_in.email_code or not person.email_verified:
        flash(spoken(say("Codes go to verified addresses only. Verify yours first.")), "error")
        return _back()
    ended = changes.add_email(session, person, change=_change())
    flash(spoken(say("Codes by email are on. %(ended)s", ended=told(ended.sessions))), "ok")
    return _back()


@bp.get("/<any(totp,email,recovery_codes):kind>/remove")
@login_required
@recent_sign_in
def confirm_removal(kind: str) -> Response:
    """Say what taking a second factor away means, or why it has to stay."""
    session = db.session()
    person = _person(session)
    if not _has(session, person, kind):
        return _back()
    page = render_template(
        "account/security/remove.html",
        kind=kind,
        why_not=_why_not(session, person, kind),
        is_last=not _others(session, person, kind),
    )
    return make_response(page)


@bp.post("/<any(totp,email,recovery_codes):kind>/remove")
@login_required
@recent_sign_in
@transaction()
def remove(kind: str) -> Response:
    """Take a second factor away."""
    session = db.session()
    person = _locked(session)
    if _why_not(session, person, kind):
        return make_response(redirect(url_for("account_two_step.confirm_removal", kind=kind), 303))
    ended = changes.remove(session, person, kind, change=_change())
    if ended is not None:
        removed = say("%(removed)s %(ended)s", removed=changes.REMOVED[kind], ended=told(ended.sessions))
        flash(spoken(removed), "ok")
    return _back()


@bp.get("/recovery-codes")
@login_required
@recent_sign_in
def codes() -> str:
    """Say what recovery codes are for; they are made when they are asked for, since they are shown once."""
    return render_template("account/security/recovery_codes.html", codes=[])


@bp.post("/recovery-codes")
@login_required
@recent_sign_in
@transaction()
def make_codes() -> Response:
    """Make new codes and show them, or go back once they are saved."""
    if "saved" in request.form:
        return _back()
    session = db.session()
    made = changes.make_recovery_codes(session, _locked(session), service(Secrets), change=_change())
    return make_response(render_template("account/security/recovery_codes.html", codes=made))


@bp.post("/remembered/<remembered_id>/forget")
@login_required
@transaction()
def forget(remembered_id: str) -> Response:
    """Ask for the second factor again in one browser."""
    session = db.session()
    person = _locked(session)
    if changes.forget_browsers(session, person, remembered_id, actor=actor(), now=clock.utc_now()):
        flash(spoken(say("That browser will be asked for the second step again.")), "ok")
    return _back()


def _offer() -> Offer:
    view = signed_in()
    return enrolment.offer(view.person_id, view.username, holder=view.id, envelope=request.form.get("enrolment", ""))


def _enrol_page(given: Offer, fault: str = "") -> Response:
    errors = {"code": fault} if fault else {}
    has_one = store.find(db.session(), signed_in().person_id, store.TOTP) is not None
    page = render_template("account/security/authenticator.html", offer=given, errors=errors, has_one=has_one)
    return make_response(page, 400 if fault else 200)


def _strengthened(session: Session) -> str | None:
    view = signed_in()
    amr = tuple(dict.fromkeys((*view.amr, "otp", "mfa")))
    return sessions.strengthen(session, view.id, amr=amr, acr=acr.stronger(view.acr, acr.TWO_FACTORS))


def _after_set_up() -> str:
    has_codes = recovery_codes.left(db.session(), signed_in().person_id) > 0
    return url_for("account_security.index" if has_codes else "account_two_step.codes")


def _has(session: Session, person: Person, kind: str) -> bool:
    if kind == changes.RECOVERY_CODES:
        return recovery_codes.left(session, person.id) > 0
    return store.find(session, person.id, kind) is not None


def _others(session: Session, person: Person, kind: str) -> list[str]:
    return [name for name in second_step.demanded(session, person) if name != _METHODS.get(kind)]


_METHODS = {store.TOTP: "totp", store.EMAIL: "email_code"}


def _why_not(session: Session, person: Person, kind: str) -> str:
    """Return why the second factor has to stay; nothing where it may go."""
    is_codes = kind == changes.RECOVERY_CODES
    if (
        is_codes
        or _others(session, person, kind)
        or not policy.is_required_always(session, person.id, service(Settings).sign_in)
    ):
        return ""
    names = policy.groups_requiring(session, person.id)
    if not names:
        return say("It is your last second step, and here everybody must have one. Set up another one first.")
    return say(
        "It is your last second step, and here the members of %(groups)s must have one. Set up another one first.",
        groups=", ".join(names),
    )


def _change() -> Change:
    device = devices.describe(request.headers.get("User-Agent", ""))
    return Change(
        service(Vault),
        actor(),
        clock.utc_now(),
        device=device,
        language=language.of_person(viewer.locale(), is_here=True),
        keep_session=signed_in().id,
    )


def _person(session: Session, *, lock: bool = False) -> Person:
    person = accounts.find(session, signed_in().person_id, lock=lock)
    if person is None:
        raise NotFound(say("This account is gone."))
    return person


def _locked(session: Session) -> Person:
    return _person(session, lock=True)


def _back() -> Response:
    # Whoever secures their account goes on there.
    endpoint = "account_secure.steps" if signed_in().securing else "account_security.index"
    return make_response(redirect(url_for(endpoint), 303))
