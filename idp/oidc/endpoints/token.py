"""The token endpoint (RFC 6749 section 3.2); every grant type lives in ``idp.oidc.grants``."""

from __future__ import annotations

from flask import Blueprint, Response

from idp.db import commits_in_steps
from idp.oidc import cors, json_responses
from idp.oidc.forms import from_elsewhere, read_form
from idp.oidc.server import AuthorizationServer

bp = Blueprint("oidc_token", __name__)
server = AuthorizationServer()

METADATA = {"token_endpoint": "/oauth/token"}

json_responses.answer_errors(bp)
cors.serve_preflight(bp, "/oauth/token", "POST")


@bp.post("/oauth/token")
@from_elsewhere
@commits_in_steps
def issue() -> Response:
    """Exchange a grant for tokens."""
    response: Response = server.create_token_response(read_form())
    return response
