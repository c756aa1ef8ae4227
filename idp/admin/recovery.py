"""Getting somebody back into their account: a one-time link to hand over, or a password that they have to replace."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import links, recovery, store
from idp.admin import lifecycle
from idp.db import db, transaction
from idp.errors import Conflict, NotFound
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

bp = Blueprint("admin_recovery", __name__, url_prefix="/admin/users")


@bp.get("/<person_id>/recovery")
@admin_required
@recent_sign_in
def index(person_id: str) -> str:
    """Say what a link does, and whether one that was made before still works."""
    session = db.session()
    person = _found(session, person_id)
    live = links.live(session, person.id, recovery.BY_HAND, clock.utc_now())
    return render_template("admin/users/recovery.html", account=person, live=live)


@bp.post("/<person_id>/recovery")
@admin_required
@recent_sign_in
@transaction()
def create(person_id: str) -> Response:
    """Make the link and show it, this once."""
    session, now = db.session(), clock.utc_now()
    person = _found(session, person_id)
    if person.disabled_at is not None:
        raise Conflict("This account is disabled, and no link would open it. Enable it first.")
    removes = request.form.get("remove_factors") == "yes"
    token = recovery.make_by_hand(session, person, removes_factors=removes, actor=actor(), now=now)
    address = f"{service(Settings).issuer}{url_for('login_recover.show', token=token)}"
    hours = recovery.HANDED_LIFETIME // timedelta(hours=1)
    page = render_template(
        "admin/users/recovery_link.html", account=person, address=address, hours=hours, removes_factors=removes
    )
    response = make_response(page)
    # Not even the browser's own back button may bring it up again.
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/<person_id>/require-password")
@admin_required
@recent_sign_in
@transaction()
def require(person_id: str) -> Response:
    """Have a person choose a new password when they next sign in; they are signed out everywhere."""
    session = db.session()
    person = _found(session, person_id, lock=True)
    lifecycle.require_new_password(session, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is signed out everywhere, and chooses a new password at the next sign-in.", "ok")
    return make_response(redirect(url_for("admin_users.show", person_id=person.id), 303))


def _found(session: Session, person_id: str, *, lock: bool = False) -> Person:
    person = store.find(session, person_id, lock=lock)
    if person is None:
        raise NotFound("There is no such person.")
    return person
