"""The public keys that verify what is signed here (RFC 7517), at an address for all and at one of each client's own."""

from __future__ import annotations

from flask import Blueprint, Response, request

from idp.errors import NotFound
from idp.keys.ledger import Ledger
from idp.keys.signer import Signer
from idp.oidc import clients, cors, documents
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import answers_head

bp = Blueprint("oidc_jwks", __name__)
cors.serve_everybody(bp, *documents.JWKS_PATHS, f"{documents.OF_ONE_JWKS}<client_id>")

METADATA = {"jwks_uri": documents.JWKS_PATHS[0]}


@answers_head
def show() -> Response:
    """Return the key set."""
    return _answer("")


@bp.get(f"{documents.OF_ONE_JWKS}<client_id>")
@answers_head
def show_to(client_id: str) -> Response:
    """Return the same key set to one client, of which it is known from now on that it has it."""
    if clients.find(client_id) is None:
        raise NotFound("There is no client with this identifier.")
    return _answer(client_id)


def _answer(client_id: str) -> Response:
    document = documents.jwks_bytes(service(Signer), service(Settings))
    if request.method != "HEAD":
        service(Ledger).fetched(
            client_id,
            document.etag,
            request.environ.get("REMOTE_ADDR", ""),
            request.headers.get("X-Forwarded-For", ""),
            request.headers.get("User-Agent", ""),
        )
    return documents.serve(document)


for place, path in enumerate(documents.JWKS_PATHS):
    bp.add_url_rule(path, "show" if place == 0 else f"show_{place}", show, methods=["GET"])
