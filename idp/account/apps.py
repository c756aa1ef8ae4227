"""The launcher: the apps that a person can open, those used lately first; pins keep some at the top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import func, select, union_all

from idp import clock
from idp.accounts import pins
from idp.clients import store as clients
from idp.clients.launch import start_address
from idp.db import db, transaction
from idp.errors import NotFound
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.sessions.models import BrowserSession, SessionClient
from idp.settings import Settings
from idp.tokens.models import Grant
from idp.web.current import service
from idp.web.navigation import NavEntry
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.clients.store import Client

bp = Blueprint("account_apps", __name__)
NAV = NavEntry(menu="account", label=say("Apps"), endpoint="account_apps.index", icon="layout-grid", order=0)

# With fewer a search field would only be in the way.
_FEWEST_TO_SEARCH = 9
_RECENT = 4


@dataclass(frozen=True, slots=True)
class App:
    """One app as the launcher shows it."""

    client_id: str
    name: str
    href: str
    # The host that it opens.
    place: str
    used_at: datetime | None
    # The digest of its logo.
    logo: str | None
    is_pinned: bool


@bp.get("/")
@login_required
def index() -> str:
    """Show the apps; with ``q`` those whose name holds it."""
    query = request.args.get("q", "").strip()
    apps = openable(db.session(), signed_in().person_id)
    found = [app for app in apps if query.casefold() in app.name.casefold()]
    recent = [app for app in apps if app.used_at is not None][:_RECENT]
    # What a search finds stands together.
    pinned = [] if query else [app for app in found if app.is_pinned]
    return render_template(
        "account/apps.html",
        query=query,
        pinned=sorted(pinned, key=lambda app: app.name.casefold()),
        apps=[app for app in found if app not in pinned],
        total=len(apps),
        searchable=len(apps) >= _FEWEST_TO_SEARCH,
        # The whole list already stands in this order while it is short.
        recent=recent if len(apps) > _RECENT and not query else [],
    )


@bp.post("/account/apps/<client_id>/pin")
@login_required
@transaction()
def pin(client_id: str) -> Response:
    """Put an app at the top of the launcher, or back (``pinned`` is ``no``)."""
    session, person_id = db.session(), signed_in().person_id
    if request.form.get("pinned") == "no":
        pins.unpin(session, person_id, client_id)
    elif any(app.client_id == client_id for app in openable(session, person_id)):
        pins.pin(session, person_id, client_id, clock.utc_now())
    else:
        raise NotFound(say("You cannot open this app, so it cannot be pinned. Your apps are on the start page."))
    return redirect(url_for("account_apps.index", q=request.form.get("q") or None), 303)


def openable(session: Session, person_id: str) -> list[App]:
    """Return the enabled apps that have an address to open, the one used last first, then by name.

    An app that registered itself is shown to whoever has used it: nobody put it into the list for all.
    """
    used, pinned = last_used(session, person_id), pins.of_person(session, person_id)
    known = [one for one in clients.enabled(session) if one.client_id in used or not one.registered_itself]
    apps = [app for client in known if (app := _app(client, used, pinned))]
    return sorted(apps, key=lambda app: -app.used_at.timestamp() if app.used_at else 0.0)


def last_used(session: Session, person_id: str) -> dict[str, datetime]:
    """Return when the person last used each app, of those used at all."""
    uses = union_all(
        select(Grant.client_id, func.coalesce(Grant.last_used_at, Grant.created_at).label("used_at")).where(
            Grant.person_id == person_id
        ),
        select(SessionClient.client_id, SessionClient.first_at.label("used_at"))
        .join(BrowserSession, BrowserSession.id == SessionClient.session_id)
        .where(BrowserSession.person_id == person_id),
    ).subquery()
    query = select(uses.c.client_id, func.max(uses.c.used_at)).group_by(uses.c.client_id)
    return dict(session.execute(query).all())


def _app(client: Client, used: Mapping[str, datetime], pinned: Collection[str]) -> App | None:
    metadata = client.metadata
    href = start_address(metadata, service(Settings).issuer)
    shown = metadata.client_uri or metadata.initiate_login_uri
    if metadata.jwt_sso is not None and href is None:
        href = url_for("jwt_sso.start", client_id=client.client_id)
        shown = metadata.jwt_sso.delivery_uri
    if href is None or shown is None:
        return None
    client_id, place = client.client_id, shown.partition("://")[2].partition("/")[0]
    return App(client_id, client.name, href, place, used.get(client_id), client.logo, client_id in pinned)
