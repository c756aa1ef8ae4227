"""What happened in a person's account: their own part of the audit log, in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request
from sqlalchemy import select

from idp import clock
from idp.audit import entries
from idp.clients.models import ClientRow
from idp.db import db
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.sessions import devices
from idp.sessions.places import Places
from idp.web.current import service
from idp.web.navigation import NavEntry
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.audit.models import AuditEvent

bp = Blueprint("account_activity", __name__, url_prefix="/account/activity")
NAV = NavEntry(menu="account", label=say("Activity"), endpoint="account_activity.index", icon="history", order=50)

SHOWN = timedelta(days=90)
# What of the log it is about, and what that is called here.
KINDS = {"sign-ins": say("Signing in and out"), "accounts": say("Changes to your account"), "consent": say("Apps")}
# What a field of an account is called within a sentence.
_FIELDS = {
    "username": say("username"),
    "email": say("email"),
    "email_verified": say("email verified"),
    "name": say("name"),
    "is_admin": say("is admin"),
    "theme": say("theme"),
    "given_name": say("given name"),
    "middle_name": say("middle name"),
    "family_name": say("family name"),
    "nickname": say("nickname"),
    "profile": say("profile"),
    "website": say("website"),
    "picture": say("picture"),
    "gender": say("gender"),
    "birthdate": say("birthdate"),
    "zoneinfo": say("zoneinfo"),
    "locale": say("locale"),
    "phone_number": say("phone number"),
    "phone_number_verified": say("phone number verified"),
    "address": say("address"),
}
# An entry's number has at most 19 digits (64 bits).
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as the page shows it; the template has a sentence for each type."""

    id: str
    at: datetime
    type: str
    title: str
    is_refused: bool
    # Whether the person did it; else who did, and nobody where that is not known.
    is_own: bool
    actor: str
    # The app that it was about or for.
    app: str
    device: str
    place: str
    address: str
    detail: dict[str, Any]

    @property
    def fields(self) -> list[str]:
        """What was changed, in words."""
        names = [str(change["field"]) for change in self.detail.get("changes", ())]
        return [_FIELDS.get(name, name.replace("_", " ")) for name in names]


@bp.get("")
@login_required
def index() -> str:
    """Show what happened in the last 90 days, newest first; ``kind`` (several) chooses."""
    session, person_id, now = db.session(), signed_in().person_id, clock.utc_now()
    kinds = [kind for kind in KINDS if kind in request.args.getlist("kind")]
    chosen = entries.Filter(own=person_id, about=frozenset(kinds), start=now - SHOWN)
    page = entries.page(session, chosen, older_than=_row("older"), newer_than=_row("newer"))
    return render_template(
        "account/activity.html",
        lines=lines_of(session, page.entries, person_id),
        kinds=list(KINDS.items()),
        chosen=kinds,
        page=page,
        most_counted=entries.MOST_COUNTED,
    )


def find(session: Session, event_id: str, person_id: str, now: datetime) -> AuditEvent | None:
    """Return the entry *event_id* when it is one of the person's own, of the time that the page shows."""
    entry = entries.find_own(session, event_id, person_id)
    return None if entry is None or entry.at < now - SHOWN else entry


def lines_of(session: Session, found: Sequence[AuditEvent], person_id: str) -> list[Line]:
    """Return *found* as pages show it."""
    apps = {entry.row: _app_id(entry) for entry in found}
    wanted = {client_id for client_id in apps.values() if client_id}
    rows = session.execute(select(ClientRow.client_id, ClientRow.client_name).where(ClientRow.client_id.in_(wanted)))
    names, places = dict(rows.all()), service(Places)
    return [
        Line(
            id=entry.id,
            at=entry.at,
            type=entry.type,
            title=entries.title_of(entry.type),
            is_refused=entry.outcome == "refused",
            is_own=entry.actor_id == person_id,
            actor=entry.actor_name,
            # An app that is gone keeps the name that it had.
            app=names.get(apps[entry.row], entry.target_name if apps[entry.row] == entry.target_id else ""),
            device=devices.named(str(entry.detail.get("device", ""))),
            place=places.of(entry.address),
            address=entry.address,
            detail=entry.detail,
        )
        for entry in found
    ]


def _app_id(entry: AuditEvent) -> str:
    """Return the client that an entry names: its target, or the app that somebody signed in or out for."""
    return entry.target_id if entry.type.startswith("consent.") else str(entry.detail.get("client_id", ""))


def _row(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
