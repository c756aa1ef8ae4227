"""Groups: list, add, rename, members, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import administration, groups, store
from idp.admin.people_forms import GroupForm, MemberForm
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.accounts.models import Group

bp = Blueprint("admin_groups", __name__, url_prefix="/admin/groups")
NAV = NavEntry(menu="admin", label="Groups", endpoint="admin_groups.index", icon="boxes", order=40, group="People")

_NOTHING: Mapping[str, str] = {}


@bp.get("")
@admin_required
def index() -> str:
    """List groups, those that ``q`` finds."""
    return _index()


@bp.post("")
@admin_required
@transaction()
def create() -> Response | tuple[str, int]:
    """Add a group."""
    name = GroupForm().name.data or ""
    try:
        group = administration.add_group(db.session(), name, actor=actor(), now=clock.utc_now())
    except FieldErrors as error:
        return _index(name=name, errors=error.fields), 400
    flash(f"The group {group.name} is there.", "ok")
    return _back(group)


@bp.get("/<group_id>")
@admin_required
def show(group_id: str) -> str:
    """Show one group and its members."""
    return _show(_found(db.session(), group_id))


@bp.post("/<group_id>")
@admin_required
@transaction()
def rename(group_id: str) -> Response | tuple[str, int]:
    """Rename a group."""
    session = db.session()
    group = _found(session, group_id)
    name = GroupForm().name.data or ""
    try:
        changed = administration.rename_group(session, group, name, actor=actor(), now=clock.utc_now())
    except FieldErrors as error:
        return _show(group, name=name, errors=error.fields), 400
    flash("Saved." if changed else "Nothing was changed.", "ok" if changed else "info")
    return _back(group)


@bp.post("/<group_id>/members")
@recent_sign_in
@transaction()
def add_member(group_id: str) -> Response | tuple[str, int]:
    """Put a person into a group."""
    session = db.session()
    group = _found(session, group_id)
    typed = (MemberForm().person.data or "").strip()
    person = store.find_by_login(session, typed) if typed else None
    if person is None:
        sentence = "Nobody has this username or email address." if typed else "Enter a username or email address."
        return _show(group, member=typed, errors={"person": sentence}), 400
    added = administration.add_member(session, group, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is in {group.name}{' now' if added else ' already'}.", "ok" if added else "info")
    return _back(group)


@bp.post("/<group_id>/members/<person_id>/remove")
@recent_sign_in
@transaction()
def remove_member(group_id: str, person_id: str) -> Response:
    """Take a person out of a group."""
    session = db.session()
    group, person = _found(session, group_id), store.find(session, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    administration.remove_member(session, group, person, actor=actor(), now=clock.utc_now())
    flash(f"{person.username} is not in {group.name} any more.", "ok")
    return _back(group)


@bp.post("/<group_id>/second-factor")
@recent_sign_in
@transaction()
def second_factor(group_id: str) -> Response:
    """Make the members sign in with two factors, or no longer."""
    session = db.session()
    group = _found(session, group_id)
    required = "required" in request.form
    changed = administration.require_second_factor(
        session, group, required=required, actor=actor(), now=clock.utc_now()
    )
    told = f"Members of {group.name} {'must have' if required else 'need not have'} a second factor."
    flash(told if changed else "Nothing was changed.", "ok" if changed else "info")
    return _back(group)


@bp.post("/<group_id>/delete")
@recent_sign_in
@transaction()
def delete(group_id: str) -> Response:
    """Delete a group."""
    session = db.session()
    group = _found(session, group_id)
    name = group.name
    administration.delete_group(session, group, actor=actor(), now=clock.utc_now())
    flash(f"The group {name} is deleted.", "ok")
    return redirect(url_for("admin_groups.index"), 303)


def _found(session: Session, group_id: str) -> Group:
    group = groups.find(session, group_id)
    if group is None:
        raise NotFound("There is no such group.")
    return group


def _back(group: Group) -> Response:
    return redirect(url_for("admin_groups.show", group_id=group.id), 303)


def _argument(name: str) -> str:
    return request.args.get(name, "").strip().replace("\0", "")


def _index(*, name: str = "", errors: Mapping[str, str] = _NOTHING) -> str:
    query = _argument("q")
    page = groups.page(db.session(), search=query, before=_argument("before") or None, after=_argument("after") or None)
    return render_template("admin/groups/index.html", page=page, query=query, name=name, errors=errors)


def _show(group: Group, *, name: str | None = None, member: str = "", errors: Mapping[str, str] = _NOTHING) -> str:
    page = groups.members(db.session(), group.id, before=_argument("before") or None, after=_argument("after") or None)
    return render_template(
        "admin/groups/show.html",
        group=group,
        page=page,
        name=group.name if name is None else name,
        member=member,
        errors=errors,
    )
