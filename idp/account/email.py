"""One's own email address: have it verified, or change it for another one that is verified first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField

from idp import clock
from idp.accounts import store
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors, NotFound, TooManyAttempts
from idp.login import email_addresses
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required, recent_sign_in
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("account_email", __name__, url_prefix="/account/email")


class EmailForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """The address that is to be theirs."""

    email = EmailField()


@bp.get("")
@recent_sign_in
def index() -> str:
    """Ask for the new address."""
    return _show("", {})


@bp.post("")
@recent_sign_in
@commits_in_steps
def change() -> Response:
    """Send a link to the new address; until it is used nothing changes."""
    wanted, now = EmailForm().email.data or "", clock.utc_now()
    try:
        address = email_addresses.checked(_own(db.session()), wanted)
        email_addresses.reserve(signed_in().person_id, now)
        with transaction() as session:
            email_addresses.ask_change(session, _own(session), address, actor=actor(), now=now)
    except FieldErrors as error:
        return make_response(_show(wanted, error.fields), 400)
    except TooManyAttempts as error:
        wait = say("We sent a link a moment ago. Try again in %(seconds)s s.", seconds=error.retry_after)
        return make_response(_show(wanted, {"email": wait}), error.status, {"Retry-After": error.retry_after})
    sent = say("We sent a link to %(email)s. Your address changes when you open it, within 24 hours.", email=address)
    flash(spoken(sent), "ok")
    return _back()


@bp.post("/verify")
@login_required
@commits_in_steps
def verify() -> Response:
    """Send a link to the present address."""
    now = clock.utc_now()
    person = _own(db.session())
    if person.email_verified:
        flash(spoken(say("Your address is verified already.")), "info")
        return _back()
    try:
        email_addresses.reserve(person.id, now)
    except TooManyAttempts as error:
        wait = say("We sent a link a moment ago. Try again in %(seconds)s s.", seconds=error.retry_after)
        flash(spoken(wait), "warn")
        return _back()
    with transaction() as session:
        email_addresses.send_verification(session, _own(session), actor=actor(), now=now)
    flash(spoken(say("We sent a link to %(email)s. Open it within 24 hours.", email=person.email)), "ok")
    return _back()


@bp.post("/keep")
@login_required
@transaction()
def keep() -> Response:
    """Forget the change that waits."""
    if email_addresses.drop_change(db.session(), signed_in().person_id):
        flash(spoken(say("Your address stays as it is.")), "ok")
    return _back()


def _own(session: Session) -> Person:
    person = store.find(session, signed_in().person_id)
    if person is None:
        raise NotFound(say("This account is gone."))
    return person


def _back() -> Response:
    return make_response(redirect(url_for("account_profile.index"), 303))


def _show(email: str, errors: Mapping[str, str]) -> str:
    return render_template("account/email.html", account=_own(db.session()), email=email, errors=errors)
