"""Changing one's password: whoever was signed in with the old one elsewhere is out.

Who has none, since a passkey is what they began with, sets one after a recent sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import PasswordField

from idp import clock
from idp.account.ended import told
from idp.accounts import store
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.audit import events
from idp.audit.log import record
from idp.db import commits_in_steps, db, transaction
from idp.errors import HashingBusy, NotFound, TooManyAttempts
from idp.login import password_changes
from idp.login.actor import actor
from idp.login.browser import browser_fingerprint, forget_forms, set_session_cookie, signed_in
from idp.login.guards import login_required, needs_reauth, send_to
from idp.login.password_changes import CHANGED, NewPassword
from idp.login.throttling import limits_for
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.throttle import throttle
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response

bp = Blueprint("account_password", __name__, url_prefix="/account/password")


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """The old password and the new one."""

    current_password = PasswordField()
    new_password = PasswordField()


@dataclass(frozen=True, slots=True)
class _Ended:
    cookie: str
    sessions: int


@bp.get("")
@login_required
def index() -> Response | str:
    """Show the form, and what a change would end."""
    return send_to("login.reauth") if not _has_one() and needs_reauth() else _show({})


@bp.post("")
@login_required
@commits_in_steps
def change() -> Response:
    """Check the old password, if there is one, within the limits of signing in, and set the new one."""
    form = PasswordForm()
    new, current = form.new_password.data or "", form.current_password.data or ""
    view, has_one = signed_in(), _has_one()
    if not has_one and needs_reauth():
        return send_to("login.reauth")
    fault = check_new_password(new, names=(view.username, view.email, view.name))
    if not fault and has_one and new == current:
        fault = say("Choose another password than the present one.")
    if fault:
        return make_response(_show({"new_password": fault}), 400)
    try:
        if has_one and not _is_current(current):
            return make_response(_show({"current_password": say("This is not your present password.")}), 400)
    except TooManyAttempts as error:
        sentence = say("Too many wrong tries. Try again in %(seconds)s s.", seconds=error.retry_after)
        return make_response(_show({"current_password": sentence}), error.status, {"Retry-After": error.retry_after})
    ended = _replace(service(PasswordHasher).hash(new), is_first=not has_one)
    if ended is None:
        return make_response(redirect(url_for("login.index"), 303))
    # Whoever secures their account goes on there.
    endpoint = "account_secure.steps" if signed_in().securing else "account_password.index"
    answer = make_response(redirect(url_for(endpoint), 303))
    forget_forms()
    ended_elsewhere = told(ended.sessions)
    if has_one:
        flash(spoken(say("Your password is changed. %(ended)s", ended=ended_elsewhere)), "ok")
    else:
        flash(spoken(say("Your password is set. %(ended)s", ended=ended_elsewhere)), "ok")
    set_session_cookie(answer, ended.cookie)
    return answer


def _is_current(password: str) -> bool:
    """Tell whether *password* is the person's; a wrong one counts as a failed sign-in does.

    Raises:
        TooManyAttempts: too many were wrong.
        HashingBusy: all places for hashing stayed taken; nothing was counted.

    """
    view, now = signed_in(), clock.utc_now()
    person = store.find(db.session(), view.person_id)
    stored = person.password_hash if person else None
    browser = browser_fingerprint()
    known = sessions.known_device(db.session(), browser, view.person_id, now=now)
    db.session.rollback()
    limits = limits_for(
        view.username, person_id=view.person_id, device=browser if known else None, address=client_address()
    )
    reserved = throttle().reserve(limits, now)
    try:
        verdict = service(PasswordHasher).verify(stored, password)
    except HashingBusy:
        throttle().give_back(reserved, now)
        raise
    if verdict.ok:
        throttle().give_back(reserved, now)
        return True
    with transaction() as session:
        event = events.PersonSignInFailed(
            target_id=view.person_id, target_name=view.username, reason="wrong_password_at_change"
        )
        record(session, event, now=now, actor=actor())
    return False


def _has_one() -> bool:
    """Tell whether the person has a password; no connection is held meanwhile."""
    person = store.find(db.session(), signed_in().person_id)
    has_one = person is None or person.password_hash is not None
    db.session.rollback()
    return has_one


def _replace(password_hash: str, *, is_first: bool) -> _Ended | None:
    """Store the new hash and end everything else; ``None`` when this session itself ended meanwhile.

    ``is_first``: there is to be none before; where one was set meanwhile, it stays.
    """
    view, now = signed_in(), clock.utc_now()
    with transaction() as session:
        # The person first, as at sign-in: two transactions that lock in different orders wait for each other.
        person = store.find(session, view.person_id, lock=True)
        cookie = sessions.rotate(session, view.id, amr=view.amr, acr=view.acr, now=now)
        if cookie is None or person is None or (is_first and person.password_hash is not None):
            return None
        new = NewPassword(password_hash, CHANGED)
        ended = password_changes.change(session, person, new, keep=view.id, actor=actor(), now=now)
        return _Ended(cookie, ended.sessions)


def _show(errors: Mapping[str, str]) -> str:
    view, now = signed_in(), clock.utc_now()
    session = db.session()
    person = store.find(session, view.person_id)
    if person is None:
        raise NotFound(say("This account is gone."))
    live = sessions.live(session, view.person_id, now, idle=service(Settings).session.idle)
    others = sum(1 for one in live if one.id != view.id)
    return render_template(
        "account/password.html",
        errors=errors,
        others=others,
        changed_at=person.password_changed_at,
        has_one=person.password_hash is not None,
    )
