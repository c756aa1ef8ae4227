"""Clients as the endpoints read them: out of the process's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.cache import Cache
from idp.clients import store
from idp.db import db
from idp.web.current import service

if TYPE_CHECKING:
    from idp.clients.store import Client


def find(client_id: str) -> Client | None:
    """Return the client, disabled or not; ``None`` when there is none."""
    return store.find(service(Cache), db.session(), client_id)


def find_enabled(client_id: str) -> Client | None:
    """Return the client when it exists and is switched on."""
    client = find(client_id)
    return None if client is None or client.disabled else client
