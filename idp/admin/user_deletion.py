"""Deleting a person, by an administrator; and the wish of somebody to be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import deletion_wishes, store
from idp.accounts.names import key_of
from idp.db import db, transaction
from idp.deliveries import deletion
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.browser import clear_session_cookie, forget_loaded_session, signed_in
from idp.login.guards import admin_required, recent_sign_in

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("admin_user_deletion", __name__, url_prefix="/admin/users/<person_id>")


@bp.get("/delete")
@admin_required
@recent_sign_in
def confirm(person_id: str) -> str:
    """Say what deleting a person ends; the username has to be typed."""
    return _show(_found(db.session(), person_id))


@bp.post("/delete")
@admin_required
@recent_sign_in
@transaction()
def delete(person_id: str) -> Response:
    """Delete a person for good."""
    session = db.session()
    person = _found(session, person_id)
    if key_of(request.form.get("username", "")) != person.username_key:
        return make_response(_show(person, "This is not the username. Type it as it is shown."), 400)
    own, name = person.id == signed_in().person_id, person.username
    deletion.delete(session, person, actor=actor(), now=clock.utc_now())
    if own:
        forget_loaded_session()
        answer = make_response(render_template("account/deleted.html"))
        clear_session_cookie(answer)
        return answer
    flash(f"{name} is deleted.", "ok")
    return make_response(redirect(url_for("admin_users.index"), 303))


@bp.post("/keep")
@admin_required
@transaction()
def keep(person_id: str) -> Response:
    """Set aside the wish of a person to be deleted."""
    session = db.session()
    person = _found(session, person_id)
    deletion_wishes.drop(session, person, actor=actor(), now=clock.utc_now())
    flash(f"The account of {person.username} stays.", "ok")
    return make_response(redirect(url_for("admin_users.show", person_id=person.id), 303))


def _found(session: Session, person_id: str) -> Person:
    person = store.find(session, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    return person


def _show(person: Person, error: str = "") -> str:
    return render_template(
        "admin/users/delete.html",
        account=person,
        reach=deletion.reach(db.session(), person, clock.utc_now()),
        error=error,
        typed=request.form.get("username", ""),
    )
