"""Who acts in the present request, for the audit log."""

from __future__ import annotations

from idp.audit.log import Actor
from idp.login.browser import current_session
from idp.web.addresses import client_address
from idp.web.request_ids import request_id


def actor() -> Actor:
    """Return the signed-in person, or nobody, with the address and the id of the request."""
    view = current_session()
    if view is None:
        return Actor(address=client_address(), request_id=request_id())
    return acting(view.person_id, view.display_name)


def acting(person_id: str, name: str) -> Actor:
    """Return an actor who is known to the view, though not (yet) by a session."""
    return Actor(person_id, name, client_address(), request_id())
