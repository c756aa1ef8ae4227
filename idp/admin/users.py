"""People: list, add, change, disable, groups, rights, sign out everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import administration, deletion_wishes, groups, store
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.admin import drafts, lifecycle
from idp.admin.people_forms import (
    JoinForm,
    NewPersonForm,
    PasswordForm,
    PersonForm,
    changes,
    concern_sign_in,
    typed,
    values_of,
)
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors, NotFound
from idp.factors import overview
from idp.login import email_addresses
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import admin_required, needs_reauth, recent_sign_in
from idp.passkeys import providers
from idp.passkeys import store as passkeys
from idp.protocol.standard_claims import zones_by_place
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Person

bp = Blueprint("admin_users", __name__, url_prefix="/admin/users")
NAV = NavEntry(
    menu="admin",
    label="Users",
    endpoint="admin_users.index",
    icon="users",
    order=30,
    group="People",
    covers=("admin_user_deletion",),
)

_DRAFT: Final = "admin_users.draft"
_NOTHING: Mapping[str, str] = {}


@bp.get("")
@admin_required
def index() -> str:
    """List people, those that ``q`` finds."""
    query = request.args.get("q", "").strip().replace("\0", "")
    before, after = _key("before"), _key("after")
    page = store.page(db.session(), search=query, before=before, after=after)
    leaving = deletion_wishes.waiting(db.session())
    return render_template("admin/users/index.html", page=page, query=query, leaving=leaving)


@bp.get("/new")
@admin_required
@recent_sign_in
@commits_in_steps
def new() -> str:
    """Show the form of a new person."""
    kept = request.args.get("interaction")
    values: Mapping[str, Any] = {"email_verified": True, "must_change_password": True}
    if kept:
        values = typed(NewPersonForm(drafts.load(kept, _DRAFT, of="").form))
    return render_template("admin/users/new.html", values=values, errors={}, is_kept=bool(kept))


@bp.post("/new")
@admin_required
@commits_in_steps
def create() -> Response | tuple[str, int]:
    """Add a person; the password is shown nowhere after this."""
    if needs_reauth():
        return drafts.confirm_first(_DRAFT, request.form)
    values = typed(NewPersonForm())
    password = values.pop("password")
    names = {name: values[name] for name in ("username", "email", "name")}
    errors: dict[str, str] = {}
    try:
        store.check_names(names)
    except FieldErrors as error:
        errors |= error.fields
    fault = check_new_password(password, names=names.values())
    if fault:
        errors["password"] = fault
    if not errors:
        password_hash = service(PasswordHasher).hash(password)
        flags = {name: bool(values[name]) for name in ("email_verified", "must_change_password")}
        made = names | flags | {"password_hash": password_hash}
        try:
            with transaction() as session:
                person = administration.add(session, made, actor=actor(), now=clock.utc_now())
            flash(f"{person.username} can sign in now.", "ok")
            return redirect(url_for("admin_users.show", person_id=person.id), 303)
        except FieldErrors as error:
            errors |= error.fields
    return render_template("admin/users/new.html", values=values, errors=errors, is_kept=False), 400


@bp.get("/drafts/<interaction>")
@admin_required
@commits_in_steps
def draft(interaction: str) -> Response:
    """Go back to a form that was filled in when a fresh sign-in was asked for; nothing is saved by that."""
    person_id = drafts.load(interaction, _DRAFT).of
    if not person_id:
        return redirect(url_for("admin_users.new", interaction=interaction), 303)
    return redirect(url_for("admin_users.show", person_id=person_id, interaction=interaction), 303)


@bp.get("/<person_id>")
@admin_required
@commits_in_steps
def show(person_id: str) -> str:
    """Show one person; with a form that was kept, as it was filled in."""
    kept = request.args.get("interaction")
    if not kept:
        return _show(_found(db.session(), person_id))
    values = typed(PersonForm(drafts.load(kept, _DRAFT, of=person_id).form))
    return _show(_found(db.session(), person_id), values=values, is_kept=True)


@bp.post("/<person_id>")
@admin_required
@commits_in_steps
def update(person_id: str) -> Response | tuple[str, int]:
    """Change what is known of a person; what they sign in and recover with takes a fresh sign-in."""
    values = typed(PersonForm())
    with transaction() as session:
        person, now = _found(session, person_id), clock.utc_now()
        try:
            wanted = changes(person, values, now=now)
            asks_first = concern_sign_in(person, wanted) and needs_reauth()
            changed = not asks_first and lifecycle.change(session, person, wanted, actor=actor(), now=now)
        except FieldErrors as error:
            return _show(person, values=values, errors=error.fields), 400
    if asks_first:
        return drafts.confirm_first(_DRAFT, request.form, of=person_id)
    flash("Saved." if changed else "Nothing was changed.", "ok" if changed else "info")
    if values["email_verified"] and not person.email_verified:
        flash("The new address counts as not verified: send a link to it, or say that it is theirs.", "warn")
    return _back(person)


@bp.post("/<person_id>/verify-email")
@admin_required
@transaction()
def send_verification(person_id: str) -> Response:
    """Send a person a link to verify their address."""
    session = db.session()
    person = _found(session, person_id)
    email_addresses.send_verification(session, person, actor=actor(), now=clock.utc_now())
    flash(f"A link to verify it is on its way to {person.email}.", "ok")
    return _back(person)


@bp.post("/<person_id>/groups")
@recent_sign_in
@transaction()
def join(person_id: str) -> Response | tuple[str, int]:
    """Put a person into a group."""
    session = db.session()
    person = _found(session, person_id)
    group = groups.find(session, JoinForm().group.data or "")
    if group is None:
        return _show(person, errors={"group": "Choose a group."}), 400
    administration.add_member(session, group, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is in {group.name} now.", "ok")
    return _back(person)


@bp.post("/<person_id>/groups/<group_id>/leave")
@recent_sign_in
@transaction()
def leave(person_id: str, group_id: str) -> Response:
    """Take a person out of a group."""
    session = db.session()
    person, group = _found(session, person_id), groups.find(session, group_id)
    if group is None:
        raise NotFound("There is no such group.")
    administration.remove_member(session, group, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is not in {group.name} any more.", "ok")
    return _back(person)


@bp.get("/<person_id>/password")
@admin_required
@recent_sign_in
def password(person_id: str) -> str:
    """Show the form of a new password, and what it would end."""
    return _confirm("admin/users/password.html", _found(db.session(), person_id), {})


@bp.post("/<person_id>/password")
@admin_required
@recent_sign_in
@commits_in_steps
def set_password(person_id: str) -> Response | tuple[str, int]:
    """Set a new password for a person who lost theirs."""
    person = _found(db.session(), person_id)
    form = PasswordForm()
    chosen, must_change = form.password.data or "", form.must_change_password.data
    fault = check_new_password(chosen, names=(person.username, person.email, person.name))
    if fault:
        return _confirm("admin/users/password.html", person, {"password": fault}), 400
    db.session.rollback()
    password_hash = service(PasswordHasher).hash(chosen)
    with transaction() as session:
        person = _found(session, person_id)
        now = clock.utc_now()
        lifecycle.set_password(session, person, password_hash, must_change=must_change, actor=actor(), now=now)
    flash(f"{person.username} has the new password.", "ok")
    return _back(person)


@bp.get("/<person_id>/disable")
@admin_required
@recent_sign_in
def confirm_disable(person_id: str) -> str:
    """Say what disabling a person ends."""
    return _confirm("admin/users/disable.html", _found(db.session(), person_id), {})


@bp.post("/<person_id>/disable")
@admin_required
@recent_sign_in
@transaction()
def disable(person_id: str) -> Response:
    """Disable a person: their sessions and tokens end."""
    session = db.session()
    person = _found(session, person_id)
    ended = lifecycle.disable(session, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is disabled. {_ended(ended)}", "ok")
    return _back(person)


@bp.post("/<person_id>/enable")
@admin_required
@recent_sign_in
@transaction()
def enable(person_id: str) -> Response:
    """Let a person sign in again."""
    session = db.session()
    person = _found(session, person_id)
    administration.enable(session, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} can sign in again.", "ok")
    return _back(person)


@bp.post("/<person_id>/sign-out")
@admin_required
@transaction()
def sign_out(person_id: str) -> Response:
    """End every session and token of a person."""
    session = db.session()
    person = _found(session, person_id)
    ended = lifecycle.sign_out_everywhere(session, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is signed out everywhere. {_ended(ended)}", "ok")
    return _back(person)


@bp.get("/<person_id>/rights")
@admin_required
@recent_sign_in
def rights(person_id: str) -> str:
    """Say what giving or taking administrator rights means."""
    return _confirm("admin/users/rights.html", _found(db.session(), person_id), {})


@bp.post("/<person_id>/rights")
@admin_required
@recent_sign_in
@transaction()
def set_rights(person_id: str) -> Response:
    """Make a person administrator, or no longer: the opposite of what the page that was confirmed said they are."""
    session = db.session()
    person = _found(session, person_id)
    wanted = request.form.get("administrator") == "yes"
    administration.change(session, person, {"is_admin": wanted}, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is {'an administrator now' if wanted else 'not an administrator any more'}.", "ok")
    return _back(person)


def _found(session: Session, person_id: str) -> Person:
    person = store.find(session, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    return person


def _key(name: str) -> str | None:
    key = request.args.get(name)
    return key.replace("\0", "") if key else None


def _back(person: Person) -> Response:
    # Whoever took their own rights or access away cannot see the person's page any more.
    lost = person.id == signed_in().person_id and (not person.is_admin or person.disabled_at is not None)
    return redirect(url_for("account_apps.index") if lost else url_for("admin_users.show", person_id=person.id), 303)


def _ended(ended: lifecycle.Reach) -> str:
    devices, apps = ended.sessions, ended.apps
    return f"{devices} session{'' if devices == 1 else 's'} ended, {apps} app{'' if apps == 1 else 's'} lost access."


def _show(
    person: Person,
    *,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] = _NOTHING,
    is_kept: bool = False,
) -> str:
    session, now = db.session(), clock.utc_now()
    joined = groups.of_person(session, person.id)
    joined_ids = {group.id for group in joined}
    return render_template(
        "admin/users/show.html",
        account=person,
        values=values if values is not None else values_of(person),
        errors=errors,
        is_kept=is_kept,
        zones=zones_by_place(),
        groups=joined,
        other_groups=[(group.id, group.name) for group in groups.every(session) if group.id not in joined_ids],
        sessions=sessions.live(session, person.id, now, idle=service(Settings).session.idle),
        passkeys=[(one, providers.kind_of(one)) for one in passkeys.of_person(session, person.id)],
        reach=lifecycle.reach(session, person.id, now),
        factors=overview.of_person(session, person, now),
    )


def _confirm(page: str, person: Person, errors: Mapping[str, str]) -> str:
    reach = lifecycle.reach(db.session(), person.id, clock.utc_now())
    return render_template(page, account=person, reach=reach, errors=errors)
