"""The public keys that verify what is signed here (RFC 7517)."""

from __future__ import annotations

from flask import Blueprint, Response

from idp.keys.signer import Signer
from idp.oidc import documents
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import answers_head

bp = Blueprint("oidc_jwks", __name__)

METADATA = {"jwks_uri": documents.JWKS_PATHS[0]}


@answers_head
def show() -> Response:
    """Return the key set."""
    return documents.serve(documents.jwks_bytes(service(Signer), service(Settings)))


for place, path in enumerate(documents.JWKS_PATHS):
    bp.add_url_rule(path, "show" if place == 0 else f"show_{place}", show, methods=["GET"])
