"""Token introspection (RFC 7662): for the token's own client, and for the resource servers it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from idp import clock
from idp.db import commits_in_steps, db
from idp.errors import InvalidClient, InvalidRequest
from idp.oidc import bearer, client_auth, clients, json_responses
from idp.oidc.forms import from_elsewhere, read_form
from idp.oidc.subjects import subject_for
from idp.protocol.access_token import audiences_of
from idp.settings import Settings
from idp.tokens import refresh, revocation
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.oidc.bearer import Bearer

bp = Blueprint("oidc_introspect", __name__)

METADATA = {"introspection_endpoint": "/oauth/introspect"}

_INACTIVE = {"active": False}

json_responses.answer_errors(bp)


@bp.post("/oauth/introspect")
@from_elsewhere
@commits_in_steps
def show() -> Response:
    """Tell whether a token is good, and what it says; whoever may not know learns that it is not active."""
    form = read_form()
    client = client_auth.authenticate(form)
    if client.metadata.is_public:
        raise InvalidClient("Introspection needs a client that can prove who it is.")
    token = form.get("token")
    if token is None:
        raise InvalidRequest("token is missing.")
    now = clock.utc_now()
    # The hint about the kind is not needed: the token itself says.
    found = (
        _refresh_token(token, client, now) if token.startswith(refresh.PREFIX) else _access_token(token, client, now)
    )
    return json_responses.json_response(found or _INACTIVE)


def _access_token(token: str, client: Client, now: datetime) -> dict[str, Any] | None:
    read = bearer.read(token, audience=None, now=now)
    if read is None or not _may_know(client, read):
        return None
    about: dict[str, Any] = {"active": True, "token_type": "Bearer", **read.claims}
    if read.grant_id is None:
        return about if revocation.is_live(db.session(), read.jti) else None
    username = revocation.live_username(db.session(), read.grant_id, read.jti)
    if username is None:
        return None
    # Its client knows the person by a pairwise subject alone; the name would tell who that is everywhere else.
    own = clients.find_enabled(read.client_id)
    return about if own is None or own.metadata.subject_type == "pairwise" else about | {"username": username}


def _may_know(client: Client, read: Bearer) -> bool:
    if read.client_id == client.client_id:
        return True
    own = {*client.metadata.resources, service(Settings).issuer}
    return client.metadata.resource_server and not own.isdisjoint(audiences_of(read.claims))


def _refresh_token(token: str, client: Client, now: datetime) -> dict[str, Any] | None:
    found = refresh.expiry(db.session(), token, client_id=client.client_id, now=now)
    if found is None:
        return None
    grant, expires_at = found
    return {
        "active": True,
        "iss": service(Settings).issuer,
        "client_id": grant.client_id,
        "sub": subject_for(client, grant.person_id),
        "scope": grant.scope,
        "exp": clock.epoch_seconds(expires_at),
    }
