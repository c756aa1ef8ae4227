"""What a person says of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import StringField

from idp import clock
from idp.account import connected
from idp.accounts import administration, store
from idp.accounts.profile import FIELDS, all_faults, merged, shown
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.login import email_addresses
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.protocol.standard_claims import zones_by_place
from idp.settings import Settings
from idp.web.current import service
from idp.web.navigation import NavEntry
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("account_profile", __name__, url_prefix="/account")
NAV = NavEntry(
    menu="account",
    label=say("Profile"),
    endpoint="account_profile.index",
    icon="user-round",
    order=10,
    covers=("account_export", "account_deletion"),
)


class ProfileForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What people may change themselves; nothing else that is sent is looked at."""

    name = StringField()
    given_name = StringField()
    middle_name = StringField()
    family_name = StringField()
    nickname = StringField()
    profile = StringField()
    website = StringField()
    picture = StringField()
    gender = StringField()
    birthdate = StringField()
    zoneinfo = StringField()
    locale = StringField()
    phone_number = StringField()
    address_formatted = StringField()
    address_street_address = StringField()
    address_locality = StringField()
    address_region = StringField()
    address_postal_code = StringField()
    address_country = StringField()


class ThemeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """How pages look to the person."""

    theme = StringField()


@bp.get("")
@login_required
def index() -> str:
    """Show the profile."""
    person = _own(db.session())
    return _show(person, {"name": person.name} | shown(person.claims), {})


@bp.post("")
@login_required
@transaction()
def save() -> Response | tuple[str, int]:
    """Save the profile."""
    person, now = _own(db.session()), clock.utc_now()
    form = ProfileForm()
    values = {name: form[name].data or "" for name in ("name", *FIELDS)}
    try:
        typed = {field: values[field] for field in FIELDS}
        all_faults(lambda: store.check_names({"name": values["name"]}), lambda: merged(person.claims, typed, now=now))
        changes = {"name": values["name"], "claims": merged(person.claims, typed, now=now)}
        changed = administration.change(db.session(), person, changes, actor=actor(), now=now)
    except FieldErrors as error:
        return _show(person, values, error.fields), 400
    flash(spoken(say("Saved.") if changed else say("Nothing was changed.")), "ok" if changed else "info")
    return redirect(url_for("account_profile.index"), 303)


@bp.post("/theme")
@login_required
@transaction()
def save_theme() -> Response | tuple[str, int]:
    """Save whether pages are light or dark to this person."""
    person, now = _own(db.session()), clock.utc_now()
    try:
        wanted = {"theme": ThemeForm().theme.data or "system"}
        administration.change(db.session(), person, wanted, actor=actor(), now=now)
    except FieldErrors as error:
        return _show(person, {"name": person.name} | shown(person.claims), error.fields), 400
    flash(spoken(say("Saved.")), "ok")
    return redirect(url_for("account_profile.index"), 303)


def _own(session: Session) -> Person:
    person = store.find(session, signed_in().person_id)
    if person is None:
        raise NotFound(say("This account is gone."))
    return person


def _show(person: Person, values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    shown_values = {**values, "phone_number_verified": person.claims.get("phone_number_verified") is True}
    return render_template(
        "account/profile.html",
        account=person,
        values=shown_values,
        errors=errors,
        zones=zones_by_place(),
        seen_by=connected.seen_by(db.session()),
        deletion_policy=service(Settings).account_deletion,
        pending=email_addresses.pending(db.session(), person.id, clock.utc_now()),
    )
