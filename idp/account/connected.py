"""The apps that a person has let in, and taking that back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import func, select

from idp import clock
from idp.account import outlook
from idp.audit import events
from idp.audit.log import record
from idp.clients.models import ClientLogo, ClientRow
from idp.consents import store as consents
from idp.consents.lines import sentence
from idp.db import db, transaction
from idp.deliveries import sign_outs
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.protocol import scopes
from idp.tokens import revocation
from idp.tokens.models import Grant
from idp.web.navigation import NavEntry
from idp.wording import say, spoken

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

bp = Blueprint("account_connected", __name__, url_prefix="/account/connected")
NAV = NavEntry(
    menu="account",
    label=say("Connected apps"),
    endpoint="account_connected.index",
    icon="plug",
    order=40,
    covers=("account_known",),
)

# The scopes under which apps see something of a person.
_ABOUT_PEOPLE = ("profile", "email", "phone", "address", "groups")


@dataclass(frozen=True, slots=True)
class Connection:
    """An app that may see something of a person: what, since when, last used, by how many live grants."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    since: datetime
    used_at: datetime | None
    grants: int
    # The digest of its logo.
    logo: str | None

    @property
    def sentences(self) -> list[str]:
        """What the app may do, in words."""
        return [sentence(name) for name in self.scopes]


@bp.get("")
@login_required
def index() -> str:
    """Show the apps, the one used last first."""
    session = db.session()
    found = connections(session)
    outlooks = outlook.of_apps(session, [one.client_id for one in found])
    return render_template("account/connected.html", connections=found, outlooks=outlooks)


@bp.get("/<client_id>/remove")
@login_required
def confirm(client_id: str) -> str:
    """Say what removing an app's access means."""
    return render_template("account/connected_remove.html", connection=one(db.session(), client_id))


@bp.post("/<client_id>/remove")
@login_required
@transaction()
def remove(client_id: str) -> Response:
    """Take an app's access back: what it was allowed and every token end together."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    connection = one(session, client_id)
    consents.remove(session, view.person_id, client_id)
    grants = revocation.revoke_client_of_person(session, view.person_id, client_id, now=now)
    sign_outs.tell_client(session, view.person_id, client_id, now)
    event = events.ConsentRemoved(
        target_id=client_id, target_name=connection.name, scopes=connection.scopes, grants=grants
    )
    record(session, event, now=now, actor=actor())
    flash(spoken(say("%(app)s has no access to your account any more.", app=connection.name)), "ok")
    return redirect(url_for("account_connected.index"), 303)


def seen_by(session: Session) -> list[tuple[str, str]]:
    """Return what apps can see of the person who looks, in words, each with the names of the apps that may."""
    found = connections(session)
    return [
        (sentence(scope), ", ".join(sorted(one.name for one in found if scope in one.scopes)))
        for scope in _ABOUT_PEOPLE
    ]


def one(session: Session, client_id: str) -> Connection:
    """Return one of ``connections``.

    Raises:
        NotFound: the app has no access to the account of the person who looks.

    """
    found = next((one for one in connections(session) if one.client_id == client_id), None)
    if found is None:
        raise NotFound(say("This app has no access to your account."))
    return found


def connections(session: Session) -> list[Connection]:
    """Return what was allowed by consent, and what apps that need not ask hold by live grants."""
    person_id, now = signed_in().person_id, clock.utc_now()
    allowed = {one.client_id: one for one in consents.of_person(session, person_id)}
    granted = _live_grants(session, person_id, now)
    wanted = allowed.keys() | granted.keys()
    names = session.execute(
        select(ClientRow.client_id, ClientRow.client_name, ClientLogo.digest)
        .outerjoin(ClientLogo, ClientLogo.client_id == ClientRow.client_id)
        .where(ClientRow.client_id.in_(wanted))
    )
    found = []
    for client_id, name, logo in names:
        consent, held = allowed.get(client_id), granted.get(client_id, [])
        known = {scope for grant in held for scope in grant.scope.split()} | set(consent.scopes if consent else ())
        starts = [grant.created_at for grant in held] + ([consent.granted_at] if consent else [])
        uses = [grant.last_used_at or grant.created_at for grant in held]
        found.append(
            Connection(client_id, name, scopes.ordered(known), min(starts), max(uses, default=None), len(held), logo)
        )
    return sorted(found, key=lambda one: (one.used_at or one.since, one.client_id), reverse=True)


def _live_grants(session: Session, person_id: str, now: datetime) -> dict[str, list[Grant]]:
    query = select(Grant).where(
        Grant.person_id == person_id,
        Grant.revoked_at.is_(None),
        Grant.expires_at > now,
        # A code that nobody redeemed gave no access.
        func.coalesce(Grant.code_consumed_at, Grant.last_used_at).is_not(None),
    )
    found: dict[str, list[Grant]] = {}
    for grant in session.execute(query).scalars():
        found.setdefault(grant.client_id, []).append(grant)
    return found
