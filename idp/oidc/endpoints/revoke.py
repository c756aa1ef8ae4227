"""Token revocation (RFC 7009)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from idp import clock
from idp.audit.events import TokenRevoked
from idp.audit.log import record
from idp.db import commits_in_steps, transaction
from idp.errors import InvalidRequest
from idp.oidc import bearer, client_auth, cors, json_responses
from idp.oidc.forms import from_elsewhere, read_form
from idp.tokens import refresh, revocation

if TYPE_CHECKING:
    from idp.clients.store import Client

bp = Blueprint("oidc_revoke", __name__)

METADATA = {"revocation_endpoint": "/oauth/revoke"}

json_responses.answer_errors(bp)
cors.serve_preflight(bp, "/oauth/revoke", "POST")


@bp.post("/oauth/revoke")
@from_elsewhere
@commits_in_steps
def end() -> Response:
    """End a refresh token's whole family, or one access token; what is dead or another client's is 200 all the same."""
    form = read_form()
    client = client_auth.authenticate(form)
    token = form.get("token")
    if token is None:
        raise InvalidRequest("token is missing.")
    if token.startswith(refresh.PREFIX):
        _end_refresh_token(token, client, clock.utc_now())
    else:
        _end_access_token(token, client, clock.utc_now())
    response = Response(status=200)
    # An empty answer has no type: page scripts stumble over one (oidc-client-ts).
    del response.headers["Content-Type"]
    return json_responses.never_kept(response)


def _end_refresh_token(token: str, client: Client, now: datetime) -> None:
    with transaction() as session:
        grant_id = refresh.revoke(session, token, client_id=client.client_id, now=now)
        if grant_id is not None:
            event = TokenRevoked(
                target_id=client.client_id, target_name=client.name, token_type="refresh_token", grant_id=grant_id
            )
            record(session, event, now=now, actor=client_auth.actor_of(client))


def _end_access_token(token: str, client: Client, now: datetime) -> None:
    read = bearer.read(token, audience=None, now=now)
    if read is None or read.client_id != client.client_id:
        return
    with transaction() as session:
        if not revocation.revoke_jti(session, read.jti, expires_at=datetime.fromtimestamp(read.claims["exp"], UTC)):
            # Said once: nobody fills the log with one token.
            return
        event = TokenRevoked(
            target_id=client.client_id,
            target_name=client.name,
            token_type="access_token",
            grant_id=read.grant_id or "",
        )
        record(session, event, now=now, actor=client_auth.actor_of(client))
