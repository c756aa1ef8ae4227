"""Leaving: a person deletes their account, or asks for it, as this installation lets people (``account_deletion``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import deletion_wishes, store
from idp.accounts.names import key_of
from idp.db import db, transaction
from idp.deliveries import deletion
from idp.errors import Forbidden, NotFound
from idp.login.actor import actor
from idp.login.browser import clear_session_cookie, forget_loaded_session, signed_in
from idp.login.guards import login_required, recent_sign_in
from idp.settings import Settings
from idp.web.current import service
from idp.wording import say, spoken

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("account_deletion", __name__, url_prefix="/account/delete")


@bp.get("")
@login_required
@recent_sign_in
def index() -> str:
    """Say what deleting the account means here, and who may."""
    return _show(_own(db.session()))


@bp.post("")
@login_required
@recent_sign_in
@transaction()
def delete() -> Response:
    """Delete the account, whose username was typed; or ask an administrator to, where that is how it is done."""
    session, now = db.session(), clock.utc_now()
    person, policy = _own(session), service(Settings).account_deletion
    if policy == "off":
        raise Forbidden(say("Accounts are deleted by administrators here. Ask one of them."))
    if policy == "ask":
        deletion_wishes.ask(session, person, actor=actor(), now=now)
        flash(spoken(say("An administrator sees now that you want your account deleted.")), "ok")
        return make_response(redirect(url_for("account_deletion.index"), 303))
    if key_of(request.form.get("username", "")) != person.username_key:
        return make_response(_show(person, say("This is not your username. Type it as it is shown.")), 400)
    deletion.delete(session, person, actor=actor(), now=now)
    forget_loaded_session()
    answer = make_response(render_template("account/deleted.html"))
    clear_session_cookie(answer)
    return answer


@bp.post("/keep")
@login_required
@transaction()
def keep() -> Response:
    """Take the wish back."""
    session = db.session()
    deletion_wishes.drop(session, _own(session), actor=actor(), now=clock.utc_now())
    flash(spoken(say("Your account stays.")), "ok")
    return make_response(redirect(url_for("account_deletion.index"), 303))


def _own(session: Session) -> Person:
    person = store.find(session, signed_in().person_id)
    if person is None:
        raise NotFound(say("This account is gone."))
    return person


def _show(person: Person, error: str = "") -> str:
    return render_template(
        "account/delete.html",
        account=person,
        reach=deletion.reach(db.session(), person, clock.utc_now()),
        policy=service(Settings).account_deletion,
        error=error,
        typed=request.form.get("username", ""),
    )
