"""When the person who looks will be asked to sign in again, app by app."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from idp import clock
from idp.accounts import store as accounts
from idp.cache import Cache
from idp.clients import store as clients
from idp.login import second_step
from idp.login.browser import signed_in
from idp.protocol import acr, asking_again
from idp.protocol.time_words import span
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens.models import Grant, RefreshToken
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.clients.store import Client
    from idp.protocol.asking_again import Access, Outlook


@dataclass(frozen=True, slots=True)
class AppOutlook:
    """One app, or this server itself (``client_id`` is empty): when it asks again, and what it can do meanwhile."""

    client_id: str
    name: str
    logo: str | None
    asks: Outlook
    # How old a sign-in may be for it, in words; empty where that does not matter.
    max_age: str
    # How long it has access without the person, if it has.
    access: Access | None
    # Whether it asks for the second factor first, when it is opened next.
    wants_factor: bool = False


def here() -> asking_again.Session:
    """Return the times of the present session; the request that looks is a use of it, noted after its answer."""
    view, now = signed_in(), clock.utc_now()
    last_use = now if sessions.is_stale(view, now) else view.last_seen_at
    return asking_again.Session(view.auth_time, last_use, view.expires_at, service(Settings).session.idle)


def of_server() -> AppOutlook:
    """Return when this server itself asks again in this browser."""
    return AppOutlook("", service(Settings).site_name, None, asking_again.outlook(here()), "", None)


def of_apps(session: Session, client_ids: Collection[str]) -> dict[str, AppOutlook]:
    """Return when each of these apps asks again in this browser, by client; none for those gone or switched off."""
    times, held = here(), _access(session, client_ids)
    person, found = accounts.find(session, signed_in().person_id), {}
    for client_id in client_ids:
        client = clients.find(service(Cache), session, client_id)
        if client is None or client.disabled:
            continue
        seconds = client.metadata.default_max_age
        max_age = None if seconds is None else timedelta(seconds=seconds)
        found[client_id] = AppOutlook(
            client_id=client_id,
            name=client.name,
            logo=client.logo,
            asks=asking_again.outlook(times, max_age),
            max_age="" if seconds is None else span(seconds) if seconds else "",
            access=held.get(client_id),
            wants_factor=_wants_factor(session, person, client),
        )
    return found


def _wants_factor(session: Session, person: Person | None, client: Client) -> bool:
    """Tell whether this sign-in is too weak for *client*, as the front channel will find (`steps.next_step`)."""
    view = signed_in()
    if person is None or acr.reaches(view.acr, acr.TWO_FACTORS):
        return False
    if second_step.lacks_factor(session, view, person, client):
        return True
    wanted = acr.AcrRequest(client.metadata.default_acr_values)
    own = second_step.levels_of(session, person, by_enrolling=False)
    return not wanted.is_met(view.acr) and wanted.is_reachable(own)


def _access(session: Session, client_ids: Collection[str]) -> dict[str, Access]:
    """Return the longest access of each app, by the refresh tokens that were not exchanged yet."""
    now, refresh_max = clock.utc_now(), service(Settings).tokens.refresh_max
    query = (
        select(Grant.client_id, Grant.created_at, func.max(RefreshToken.expires_at))
        .join(RefreshToken, RefreshToken.grant_id == Grant.id)
        .where(
            Grant.person_id == signed_in().person_id,
            Grant.client_id.in_(client_ids),
            Grant.revoked_at.is_(None),
            RefreshToken.consumed_at.is_(None),
            RefreshToken.expires_at > now,
        )
        .group_by(Grant.id, Grant.client_id, Grant.created_at)
    )
    found: dict[str, Access] = {}
    for client_id, granted_at, expires_at in session.execute(query):
        one, before = asking_again.access(expires_at, granted_at, refresh_max), found.get(client_id)
        if before is not None:
            one = asking_again.Access(max(one.unused, before.unused), max(one.latest, before.latest))
        found[client_id] = one
    return found
