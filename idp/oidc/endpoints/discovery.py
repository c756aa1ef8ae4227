"""What this provider can do (OpenID Connect Discovery section 4, RFC 8414)."""

from __future__ import annotations

from flask import Blueprint, Response

from idp.branding.links import PublishedLinks
from idp.errors import NotFound
from idp.oidc import clients, cors, documents
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import answers_head

bp = Blueprint("oidc_discovery", __name__)
cors.serve_everybody(bp, *documents.DISCOVERY_PATHS, f"{documents.OF_ONE_DISCOVERY}<client_id>")


@answers_head
def show() -> Response:
    """Return the discovery document."""
    return documents.serve(documents.discovery_bytes(service(Settings), service(PublishedLinks).current()))


@bp.get(f"{documents.OF_ONE_DISCOVERY}<client_id>")
@answers_head
def show_to(client_id: str) -> Response:
    """Return the same document to one client, with a key set of its own address."""
    if clients.find(client_id) is None:
        raise NotFound("There is no client with this identifier.")
    return documents.serve(documents.discovery_of(service(Settings), service(PublishedLinks).current(), client_id))


for place, path in enumerate(documents.DISCOVERY_PATHS):
    bp.add_url_rule(path, "show" if place == 0 else f"show_{place}", show, methods=["GET"])
