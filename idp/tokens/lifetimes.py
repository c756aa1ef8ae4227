"""How long what is issued lives: as its app knows it, until somebody agrees to another lifetime."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from idp.contracts import schema
from idp.keys import schedule

if TYPE_CHECKING:
    from idp.clients.store import Client
    from idp.settings import Settings


def of(client: Client, kind: str, usual: timedelta, settings: Settings) -> timedelta:
    """Return how long a token of *kind* lives: as long as those that *client* has had, else *usual*.

    A signature cannot be checked for longer than its key stays published, so a lifetime above that ends with the
    settings that allowed it.
    """
    held = client.lifetimes.get(kind)
    # Asked for every token, and hardly ever another one.
    if held is None or held == usual.total_seconds():
        return usual
    return usual if held > schedule.published_for(settings).total_seconds() else timedelta(seconds=held)


def longest_access(client: Client, settings: Settings) -> timedelta:
    """Return the longest that an access token of a person's grant to *client* lives, whichever API it is for."""
    usual = settings.tokens.access
    return max(of(client, kind, usual, settings) for kind in (schema.ACCESS_TOKEN, schema.RESOURCE_TOKEN))
