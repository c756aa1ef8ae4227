"""The second factors of a person, as administrators see and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.accounts import store
from idp.db import db, transaction
from idp.errors import NotFound
from idp.factors import changes, overview
from idp.factors.changes import Change
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import admin_required, recent_sign_in
from idp.vault import Vault
from idp.web import language
from idp.web.current import service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("admin_second_factors", __name__, url_prefix="/admin/users")


@bp.get("/<person_id>/second-factors")
@admin_required
@recent_sign_in
def confirm(person_id: str) -> str:
    """Say what taking a person's second factors away means."""
    session = db.session()
    person = _found(session, person_id)
    factors = overview.of_person(session, person, clock.utc_now())
    return render_template("admin/users/second_factors.html", account=person, factors=factors)


@bp.post("/<person_id>/second-factors/remove")
@admin_required
@recent_sign_in
@transaction()
def remove(person_id: str) -> Response:
    """Take every second factor of a person away: they lost their phone, and sign in with the password alone."""
    session = db.session()
    person = _found(session, person_id, lock=True)
    tongue = language.of_person(person.claims.get("locale"), is_here=person.id == signed_in().person_id)
    change = Change(service(Vault), actor(), clock.utc_now(), language=tongue, keep_session=signed_in().id)
    had = changes.remove_all(session, person, change=change)
    if had:
        flash(f"{person.username} has no second factor any more, and was told by email.", "ok")
    else:
        flash(f"{person.username} has no second factor.", "info")
    return redirect(url_for("admin_users.show", person_id=person.id), 303)


@bp.post("/<person_id>/remembered-browsers/forget")
@admin_required
@transaction()
def forget(person_id: str) -> Response:
    """Ask a person for the second factor again wherever they are not asked."""
    session = db.session()
    person = _found(session, person_id, lock=True)
    changes.forget_browsers(session, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is asked for the second factor everywhere.", "ok")
    return redirect(url_for("admin_users.show", person_id=person.id), 303)


def _found(session: Session, person_id: str, *, lock: bool = False) -> Person:
    person = store.find(session, person_id, lock=lock)
    if person is None:
        raise NotFound("There is no such person.")
    return person
