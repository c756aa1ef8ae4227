"""Where a person is signed in, and signing out there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select

from idp import clock
from idp.audit import events
from idp.audit.log import record
from idp.clients.models import ClientRow
from idp.db import db, transaction
from idp.deliveries import sign_outs
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import revocation
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.sessions.models import BrowserSession

bp = Blueprint("account_sessions", __name__, url_prefix="/account/sessions")
NAV = NavEntry(menu="account", label="Sessions", endpoint="account_sessions.index", icon="monitor-smartphone", order=30)

_PHONES = ("iPhone", "iPad", "Android")


@dataclass(frozen=True, slots=True)
class Device:
    """One session as the page shows it."""

    id: str
    name: str
    icon: str
    address: str
    last_seen_at: datetime
    signed_in_at: datetime
    is_this: bool
    apps: tuple[str, ...]


@bp.get("")
@login_required
def index() -> str:
    """Show every device, this one first."""
    devices = _devices(db.session())
    others = [device for device in devices if not device.is_this]
    return render_template(
        "account/sessions.html",
        devices=devices,
        others=len(others),
        apps=len({app for device in others for app in device.apps}),
    )


@bp.post("/<session_id>/end")
@login_required
@transaction()
def end(session_id: str) -> Response:
    """Sign one other device out."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    found = next((one for one in _live(session) if one.id == session_id and one.id != view.id), None)
    if found is None:
        raise NotFound("That device is not signed in any more.")
    sign_outs.end(session, found.id, view.person_id, now)
    revocation.revoke_sessions(session, [found.id], now=now)
    event = events.SessionEnded(
        target_id=view.person_id,
        target_name=view.username,
        session_id=found.id,
        reason="signed out from another device",
    )
    record(session, event, now=now, actor=actor())
    flash(f"{found.user_agent} is signed out.", "ok")
    return redirect(url_for("account_sessions.index"), 303)


@bp.post("/end-others")
@login_required
@transaction()
def end_others() -> Response:
    """Sign every device but this one out."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    others = [one.id for one in _live(session) if one.id != view.id]
    ended = sign_outs.end_all(session, view.person_id, now, keep=view.id)
    grants = revocation.revoke_sessions(session, others, now=now)
    if ended:
        event = events.SessionsEnded(
            target_id=view.person_id, target_name=view.username, sessions=ended, grants=grants, kept_current=True
        )
        record(session, event, now=now, actor=actor())
    flash("Every other device is signed out.", "ok")
    return redirect(url_for("account_sessions.index"), 303)


def _live(session: Session) -> list[BrowserSession]:
    idle = service(Settings).session.idle
    return sessions.live(session, signed_in().person_id, clock.utc_now(), idle=idle)


def _devices(session: Session) -> list[Device]:
    live = _live(session)
    reached = sessions.clients_of(session, [one.id for one in live])
    wanted = {client_id for found in reached.values() for client_id in found}
    found = session.execute(select(ClientRow.client_id, ClientRow.client_name).where(ClientRow.client_id.in_(wanted)))
    names = dict(found.all())
    here = signed_in().id
    devices = [
        Device(
            id=one.id,
            name=one.user_agent,
            icon="smartphone" if one.user_agent.endswith(_PHONES) else "laptop",
            address=one.address,
            last_seen_at=one.last_seen_at,
            signed_in_at=one.auth_time,
            is_this=one.id == here,
            apps=tuple(names[client_id] for client_id in reached[one.id] if client_id in names),
        )
        for one in live
    ]
    return sorted(devices, key=lambda device: not device.is_this)
