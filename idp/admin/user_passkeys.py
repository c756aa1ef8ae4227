"""Removing a person's passkey for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.accounts import store as accounts
from idp.admin import lifecycle
from idp.db import db, transaction
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.passkeys import store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person
    from idp.passkeys.models import Passkey

bp = Blueprint("admin_user_passkeys", __name__, url_prefix="/admin/users/<person_id>/passkeys")


@bp.get("/<passkey_id>/remove")
@admin_required
@recent_sign_in
def confirm(person_id: str, passkey_id: str) -> str:
    """Say what removing a passkey means."""
    session = db.session()
    person, passkey = _found(session, person_id, passkey_id)
    is_last = person.password_hash is None and store.count_of(session, person.id) == 1
    reach = lifecycle.reach(session, person.id, clock.utc_now())
    return render_template("admin/users/passkey.html", account=person, passkey=passkey, is_last=is_last, reach=reach)


@bp.post("/<passkey_id>/remove")
@admin_required
@recent_sign_in
@transaction()
def remove(person_id: str, passkey_id: str) -> Response:
    """Remove a passkey, and end what the person had open."""
    session = db.session()
    person, passkey = _found(session, person_id, passkey_id)
    lifecycle.remove_passkey(session, person, passkey, actor=actor(), now=clock.utc_now())
    flash(f"“{passkey.name}” of {person.username} is removed.", "ok")
    return redirect(url_for("admin_users.show", person_id=person.id), 303)


def _found(session: Session, person_id: str, passkey_id: str) -> tuple[Person, Passkey]:
    person = accounts.find(session, person_id)
    passkey = store.find(session, person_id, passkey_id) if person is not None else None
    if person is None or passkey is None:
        message = "There is no such passkey any more."
        raise NotFound(message)
    return person, passkey
