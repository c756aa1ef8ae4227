"""``/login/new-password``: choosing another password before a sign-in ends, because somebody asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from idp import clock
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.db import commits_in_steps, db, transaction
from idp.login import halfway, password_changes, second_step
from idp.login.actor import acting
from idp.login.password_changes import REQUIRED, NewPassword
from idp.login.waiting import find_waiting
from idp.sessions import pending
from idp.web import error_pages
from idp.web.csrf import is_own_site
from idp.web.current import service
from idp.web.headers import pending_page
from idp.wording import say

if TYPE_CHECKING:
    from idp.accounts.models import Person
    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.models import PendingSignIn

bp = Blueprint("login_new_password", __name__)

_SAME = say("Choose another password than the present one.")


@bp.get("/login/new-password")
@commits_in_steps
def index() -> Response:
    """Ask for the new password."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    person = _whose(half)
    return _elsewhere(half, waiting) if person is None else _page(person, waiting, "")


@bp.post("/login/new-password")
@commits_in_steps
def choose() -> Response:
    """Set it, and go on with what waited."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    person = _whose(half)
    if person is None:
        return _elsewhere(half, waiting)
    chosen, hasher = request.form.get("new_password", ""), service(PasswordHasher)
    fault = check_new_password(chosen, names=(person.username, person.email, person.name))
    db.session.rollback()
    if fault is None and hasher.verify(person.password_hash, chosen).ok:
        fault = _SAME
    if fault is not None:
        return _page(person, waiting, fault)
    outcome = _replace(person.id, hasher.hash(chosen), waiting)
    return halfway.start_over(waiting) if outcome is None else halfway.answer(outcome, waiting)


@bp.errorhandler(CSRFError)
def stale(error: CSRFError) -> Response:
    """Answer an old form: whoever signed in meanwhile, in another tab, goes on as if this one had been sent."""
    if request.form.get("csrf_token") and is_own_site():
        return _see_other(url_for("login_new_password.index", interaction=request.args.get("interaction")))
    return error_pages.stale_form(error)


def _whose(half: PendingSignIn | None) -> Person | None:
    """Return the person of *half* if this is what it asks for next."""
    if half is None or half.outstanding[0] != second_step.NEW_PASSWORD:
        return None
    return accounts.find(db.session(), half.person_id)


def _replace(person_id: str, password_hash: str, waiting: Waiting) -> Outcome | None:
    with transaction() as session:
        person = accounts.find(session, person_id, lock=True)
        half = halfway.current(waiting)
        if person is None or half is None or _whose(half) is not person:
            return None
        who = acting(person.id, person.name or person.username)
        new = NewPassword(password_hash, REQUIRED)
        password_changes.change(session, person, new, actor=who, now=clock.utc_now())
        pending.renew_password(session, half, person)
        return halfway.take(session, half, person, second_step.NEW_PASSWORD, None, waiting)


def _elsewhere(half: PendingSignIn | None, waiting: Waiting) -> Response:
    if half is None:
        return halfway.start_over(waiting)
    return _see_other(halfway.address(half.outstanding[0], waiting))


def _page(person: Person, waiting: Waiting, fault: str) -> Response:
    pending_page()
    page = render_template(
        "login/new_password.html",
        waiting=waiting,
        action=url_for("login_new_password.choose", interaction=waiting.id or None),
        username=person.username,
        errors=[("new_password", fault)] if fault else [],
    )
    return make_response(page, 400 if fault else 200)


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
