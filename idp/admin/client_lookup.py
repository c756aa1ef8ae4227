"""The one way from an address to its client: as the database has it now, or a page that says there is none."""

from __future__ import annotations

from idp.clients import store
from idp.clients.store import Client
from idp.db import db
from idp.errors import NotFound


def registered(client_id: str) -> Client:
    """Return the client *client_id*.

    Raises:
        NotFound: there is none.

    """
    client = store.read(db.session(), client_id)
    if client is None:
        raise NotFound("No client has this identifier. It may have been deleted.")
    return client
