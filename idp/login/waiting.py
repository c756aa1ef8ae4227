"""What waits for a sign-in: the app or page one is on the way to, as the sign-in page needs to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request, url_for

from idp import clock
from idp.cache import Cache
from idp.clients import store as clients
from idp.db import db, transaction
from idp.interactions import store as interactions
from idp.login.browser import bind_browser
from idp.web import language
from idp.web.current import service
from idp.web.headers import in_popup

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.interactions.models import Interaction
    from idp.sessions.store import SessionView

START = "/"
# The one ``display`` that anything depends on.
POPUP = "popup"
# Where the apps of either protocol, or another server on this host, say that the person is led afterwards.
_LEADS_TO = ("redirect_uri", "delivery_uri", "address")
_LONGEST_HINT = 320


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending request, or (with an empty ``id``) none: then a sign-in leads to the start page."""

    id: str = ""
    resume_endpoint: str = ""
    created_at: datetime | None = None
    client: Client | None = None
    login_hint: str = ""
    # The host that the person is sent to in the end.
    next_stop: str = ""

    @property
    def client_id(self) -> str:
        """The client that asked; empty for a page of this site."""
        return self.client.client_id if self.client else ""

    @property
    def is_own_page(self) -> bool:
        """Tell whether a page of this site is what waits."""
        return self.resume_endpoint == "login.resume_page"

    @property
    def resume_at(self) -> str:
        """The address at which it goes on."""
        return url_for(self.resume_endpoint, interaction=self.id) if self.id else START


def sign_in_address(interaction: Interaction, person: SessionView | None) -> str:
    """Return the sign-in page for a request that needs a sign-in although *person* is here.

    Whoever signed in for this very request, and so long ago that it no longer counts, is asked again: going on at once
    would lead back here for ever.
    """
    is_stale = person is not None and person.auth_time >= interaction.created_at
    return url_for("login.index", interaction=interaction.id, again="1" if is_stale else None)


def find_waiting() -> Waiting:
    """Return what the ``interaction`` of the address names.

    Raises:
        InteractionExpired: it is unknown or has run out.
        InteractionForeign: it was started in another browser.

    """
    interaction_id = request.args.get("interaction")
    return Waiting() if interaction_id is None else waiting_for(interaction_id)


def waiting_for(interaction_id: str) -> Waiting:
    """Return the request *interaction_id*; raises what ``find_waiting`` does."""
    with transaction() as session:
        found = interactions.load(session, interaction_id, browser=bind_browser(), now=clock.utc_now())
    show_as_asked(found)
    client = clients.find(service(Cache), db.session(), found.client_id) if found.client_id else None
    return Waiting(
        id=found.id,
        resume_endpoint=found.resume_endpoint,
        created_at=found.created_at,
        client=client,
        login_hint=_parameter(found, "login_hint")[:_LONGEST_HINT],
        next_stop=_next_stop(found, client),
    )


def show_as_asked(found: Interaction) -> None:
    """Make this page one as the request *found* asks for: in a language of ``ui_locales``, in a popup by ``display``.

    Of a popup nothing else is for us to do: the app opens it, and says how large it is.
    """
    language.prefer(_parameter(found, "ui_locales"))
    if _parameter(found, "display") == POPUP:
        in_popup()


def _next_stop(found: Interaction, client: Client | None) -> str:
    for name in _LEADS_TO:
        host = urlsplit(_parameter(found, name)).hostname
        if host:
            return host
    if client is not None and client.metadata.jwt_sso is not None:
        return urlsplit(client.metadata.jwt_sso.delivery_uri).hostname or ""
    return ""


def _parameter(found: Interaction, name: str) -> str:
    """Return one parameter of the request; some requests keep each as a list."""
    value = found.parameters.get(name, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""
