"""The launcher: the apps that a person can open, those used lately first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import func, select, union_all

from idp.clients import store as clients
from idp.clients.launch import start_address
from idp.db import db
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.sessions.models import BrowserSession, SessionClient
from idp.settings import Settings
from idp.tokens.models import Grant
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.clients.store import Client

bp = Blueprint("account_apps", __name__)
NAV = NavEntry(menu="account", label="Apps", endpoint="account_apps.index", icon="layout-grid", order=0)

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


@bp.get("/")
@login_required
def index() -> str:
    """Show the apps; with ``q`` those whose name holds it."""
    query = request.args.get("q", "").strip()
    apps = openable(db.session(), signed_in().person_id)
    found = [app for app in apps if query.casefold() in app.name.casefold()]
    recent = [app for app in apps if app.used_at is not None][:_RECENT]
    return render_template(
        "account/apps.html",
        query=query,
        apps=found,
        total=len(apps),
        searchable=len(apps) >= _FEWEST_TO_SEARCH,
        # The whole list already stands in this order while it is short.
        recent=recent if len(apps) > _RECENT and not query else [],
    )


def openable(session: Session, person_id: str) -> list[App]:
    """Return the enabled apps that have an address to open, the one used last first, then by name.

    An app that registered itself is shown to whoever has used it: nobody put it into the list for all.
    """
    used = last_used(session, person_id)
    known = [one for one in clients.enabled(session) if one.client_id in used or not one.registered_itself]
    apps = [app for client in known if (app := _app(client, used.get(client.client_id)))]
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


def _app(client: Client, used_at: datetime | None) -> App | None:
    metadata = client.metadata
    href = start_address(metadata, service(Settings).issuer)
    shown = metadata.client_uri or metadata.initiate_login_uri
    if metadata.jwt_sso is not None and href is None:
        href = url_for("jwt_sso.start", client_id=client.client_id)
        shown = metadata.jwt_sso.delivery_uri
    if href is None or shown is None:
        return None
    return App(client.client_id, client.name, href, shown.partition("://")[2].partition("/")[0], used_at, client.logo)
