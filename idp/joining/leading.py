"""Where somebody goes once they have an account: on with what waited, to the app of the invitation, to their apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import url_for

from idp import clock
from idp.cache import Cache
from idp.clients import store as clients
from idp.clients.launch import start_address
from idp.db import db, transaction
from idp.errors import InteractionExpired, InteractionForeign
from idp.interactions import store as interactions
from idp.login.browser import bind_browser
from idp.login.waiting import START, Waiting, waiting_for
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from idp.invitations.models import Invitation

# Where such a request goes on.
ENDPOINT: Final = "join.go_on"


def waiting_of(row: Invitation) -> Waiting:
    """Return the request that waited where the address was given; nothing in another browser, or a day later."""
    if row.interaction_id is None:
        return Waiting()
    try:
        return waiting_for(row.interaction_id)
    except (InteractionExpired, InteractionForeign):
        return Waiting()


def address_after(row: Invitation, waiting: Waiting) -> str:
    """Return the address to go on at."""
    if waiting.id:
        return waiting.resume_at
    return next((address for one in row.client_ids if (address := start_of(one))), START)


def waiting_on_app(row: Invitation) -> Waiting:
    """Return a new request that leads to the app of the invitation, whatever is asked for on the way; none without."""
    client_id = next((one for one in row.client_ids if start_of(one)), None)
    if client_id is None:
        return Waiting()
    with transaction() as session:
        begun = interactions.begin(
            session,
            resume_endpoint=ENDPOINT,
            client_id=client_id,
            parameters={},
            browser=bind_browser(),
            now=clock.utc_now(),
        )
        interaction_id = begun.id
    return waiting_for(interaction_id)


def start_of(client_id: str) -> str | None:
    """Return where an app begins, of one that can be used."""
    client = clients.find(service(Cache), db.session(), client_id)
    if client is None or client.disabled:
        return None
    address = start_address(client.metadata, service(Settings).issuer)
    if address is None and client.metadata.jwt_sso is not None:
        return url_for("jwt_sso.start", client_id=client_id)
    return address
