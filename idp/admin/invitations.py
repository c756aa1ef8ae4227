"""Invitations: who was invited, inviting somebody, sending the link again, taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts import groups
from idp.clients import store as clients
from idp.db import db, transaction
from idp.durations import duration
from idp.errors import Conflict, FieldErrors
from idp.invitations import inviting, store
from idp.invitations.store import New
from idp.login import recipients
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import admin_required, recent_sign_in
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from idp.invitations.inviting import Made

bp = Blueprint("admin_invitations", __name__, url_prefix="/admin/invitations")
NAV = NavEntry(
    menu="admin", label="Invitations", endpoint="admin_invitations.index", icon="mail", order=35, group="People"
)

_USUAL = "usual"
_LIFETIMES = {"1d": "1 day", "3d": "3 days", "14d": "14 days", "30d": "30 days"}


@bp.get("")
@admin_required
def index() -> str:
    """List invitations, the newest first, with what became of each."""
    query, session, now = request.args.get("q", "").strip(), db.session(), clock.utc_now()
    page = store.page(session, search=query.replace("\0", ""), older=request.args.get("older", "").replace("\0", ""))
    lines = [
        {
            "row": row,
            "state": store.plain_state(row, now).value,
            "groups": inviting.group_names(session, row),
            "apps": [name for _, name in inviting.apps_of(session, row)],
        }
        for row in page.invitations
    ]
    return render_template("admin/invitations/index.html", page=page, lines=lines, query=query)


@bp.get("/new")
@recent_sign_in
def new() -> Response:
    """Ask whom to invite, and to what."""
    return _form_page({"email": "", "message": "", "lifetime": _USUAL, "groups": [], "apps": [], "by_link": ""}, {})


@bp.post("/new")
@recent_sign_in
@transaction()
def create() -> Response:
    """Invite somebody: by mail, or by a link that is shown this once."""
    given = {
        **{name: request.form.get(name, "").strip() for name in ("email", "message", "lifetime", "by_link")},
        "groups": request.form.getlist("groups"),
        "apps": request.form.getlist("apps"),
    }
    view = signed_in()
    wanted = New(
        email=str(given["email"]),
        inviter_id=view.person_id,
        inviter_name=view.display_name,
        message=str(given["message"]),
        group_ids=tuple(given["groups"]),
        client_ids=tuple(given["apps"]),
    )
    try:
        made = inviting.invite(
            db.session(),
            service(Vault),
            wanted,
            by_mail=not given["by_link"],
            lifetime=_lifetime(str(given["lifetime"])),
            actor=actor(),
            now=clock.utc_now(),
            language=recipients.language_of(db.session(), str(given["email"])),
        )
    except FieldErrors as faults:
        return _form_page(given, faults.fields)
    return _handed_on(made)


@bp.post("/<invitation_id>/resend")
@recent_sign_in
@transaction()
def resend(invitation_id: str) -> Response:
    """Make a new link in place of the one before, and mail it where there is an address."""
    try:
        made = inviting.resend(
            db.session(),
            service(Vault),
            invitation_id,
            lifetime=service(Settings).invitations.lifetime,
            actor=actor(),
            now=clock.utc_now(),
            language=recipients.language_of(db.session(), inviting.found(db.session(), invitation_id).email),
        )
    except Conflict as refused:
        flash(refused.public, "error")
        return _to_list()
    return _handed_on(made)


@bp.get("/<invitation_id>/revoke")
@recent_sign_in
def confirm_revoke(invitation_id: str) -> str:
    """Ask before an invitation is taken back."""
    return render_template("admin/invitations/revoke.html", row=inviting.found(db.session(), invitation_id))


@bp.post("/<invitation_id>/revoke")
@recent_sign_in
@transaction()
def revoke(invitation_id: str) -> Response:
    """Take an invitation back."""
    try:
        row = inviting.revoke(db.session(), invitation_id, actor=actor(), now=clock.utc_now())
    except Conflict as refused:
        flash(refused.public, "error")
    else:
        flash(
            f"The invitation {f'of {row.email} ' if row.email else ''}is revoked: its link does not work any more.",
            "ok",
        )
    return _to_list()


def _handed_on(made: Made) -> Response:
    """Say that the mail is on its way, or show the link this once."""
    row = made.invitation
    if not made.path:
        flash(f"The invitation of {row.email} is on its way. The outbox shows whether it was sent.", "ok")
        return _to_list()
    address = f"{service(Settings).issuer}{made.path}"
    return make_response(render_template("admin/invitations/link.html", row=row, address=address))


def _to_list() -> Response:
    return make_response(redirect(url_for("admin_invitations.index"), code=303))


def _lifetime(given: str) -> timedelta:
    return duration(given) if given in _LIFETIMES else service(Settings).invitations.lifetime


def _form_page(values: Mapping[str, object], faults: Mapping[str, str]) -> Response:
    session = db.session()
    page = render_template(
        "admin/invitations/new.html",
        values=values,
        errors=dict(faults),
        groups=[(group.id, group.name) for group in groups.every(session)],
        apps=sorted(((one.client_id, one.name) for one in clients.enabled(session)), key=lambda app: app[1].casefold()),
        lifetimes=[(_USUAL, f"{_days(service(Settings).invitations.lifetime)} (usual)"), *_LIFETIMES.items()],
        longest=inviting.LONGEST_MESSAGE,
    )
    return make_response(page, 400 if faults else 200)


def _days(lifetime: timedelta) -> str:
    hours = int(lifetime.total_seconds() // 3600)
    count, unit = (hours // 24, "day") if hours % 24 == 0 and hours else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"
