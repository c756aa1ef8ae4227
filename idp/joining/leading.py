"""Where somebody goes once they have an account: on with what waited, to the app of the invitation, to their apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.cache import Cache
from idp.clients import store as clients
from idp.clients.launch import start_address
from idp.db import db
from idp.errors import InteractionExpired, InteractionForeign
from idp.login.waiting import START, Waiting, waiting_for
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from idp.invitations.models import Invitation


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
    return next((address for one in row.client_ids if (address := _start_of(one))), START)


def _start_of(client_id: str) -> str | None:
    """Return where an app begins, of one that can be used."""
    client = clients.find(service(Cache), db.session(), client_id)
    if client is None or client.disabled:
        return None
    address = start_address(client.metadata, service(Settings).issuer)
    if address is None and client.metadata.jwt_sso is not None:
        return url_for("jwt_sso.start", client_id=client_id)
    return address
