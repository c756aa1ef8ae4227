"""Where a person is signed in, and signing out there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.account import devices, outlook
from idp.audit import events
from idp.audit.log import record
from idp.db import db, transaction
from idp.deliveries import sign_outs
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.sessions.devices import named
from idp.tokens import revocation
from idp.web.navigation import NavEntry
from idp.wording import say, spoken

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("account_sessions", __name__, url_prefix="/account/sessions")
NAV = NavEntry(
    menu="account", label=say("Sessions"), endpoint="account_sessions.index", icon="monitor-smartphone", order=30
)


@bp.get("")
@login_required
def index() -> str:
    """Show every device, this one first."""
    shown = devices.shown(db.session())
    others = [device for device in shown if not device.is_this]
    return render_template(
        "account/sessions.html",
        devices=shown,
        outlooks=[outlook.of_server(), *outlook.of_apps(db.session(), list(shown[0].reached)).values()],
        others=len(others),
        apps=len({app for device in others for app in device.apps}),
    )


@bp.post("/<session_id>/end")
@login_required
@transaction()
def end(session_id: str) -> Response:
    """Sign one other device out."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    found = next((one for one in devices.live(session) if one.id == session_id and one.id != view.id), None)
    if found is None:
        raise NotFound(say("That device is not signed in any more."))
    sign_outs.end(session, found.id, view.person_id, now)
    revocation.revoke_sessions(session, [found.id], now=now)
    event = events.SessionEnded(
        target_id=view.person_id,
        target_name=view.username,
        session_id=found.id,
        reason="signed out from another device",
    )
    record(session, event, now=now, actor=actor())
    flash(spoken(say("%(device)s is signed out.", device=named(found.user_agent))), "ok")
    return redirect(url_for("account_sessions.index"), 303)


@bp.post("/end-others")
@login_required
@transaction()
def end_others() -> Response:
    """Sign every device but this one out."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    others = [one.id for one in devices.live(session) if one.id != view.id]
    ended = sign_outs.end_all(session, view.person_id, now, keep=view.id)
    grants = revocation.revoke_sessions(session, others, now=now)
    if ended:
        event = events.SessionsEnded(
            target_id=view.person_id, target_name=view.username, sessions=ended, grants=grants, kept_current=True
        )
        record(session, event, now=now, actor=actor())
    flash(spoken(say("Every other device is signed out.")), "ok")
    return redirect(url_for("account_sessions.index"), 303)
