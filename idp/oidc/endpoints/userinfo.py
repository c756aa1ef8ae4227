"""The UserInfo endpoint (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response
from sqlalchemy import bindparam, select

from idp import clock
from idp.contracts import schema
from idp.contracts.notes import Notes
from idp.db import db
from idp.errors import InsufficientScope
from idp.oidc import bearer, clients, cors, disclosure, encryption, json_responses, people
from idp.oidc.forms import from_elsewhere
from idp.protocol import claims_request
from idp.protocol.scopes import OPENID
from idp.tokens.models import Grant
from idp.tokens.revocation import live_grant
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from idp.clients.store import Client
    from idp.oidc.bearer import Bearer

bp = Blueprint("oidc_userinfo", __name__)

METADATA = {"userinfo_endpoint": "/oauth/userinfo"}

_PERSON = select(*people.COLUMNS, Grant.claims.label("kept")).where(
    *live_grant(bindparam("grant_id"), bindparam("jti"))
)

json_responses.answer_errors(bp, bearer.bearer_error_response)
cors.serve_preflight(bp, "/oauth/userinfo", "GET, POST")


@bp.route("/oauth/userinfo", methods=["GET", "POST"])
@from_elsewhere
def show() -> Response:
    """Tell what the access token's scopes say about its person."""
    presented = bearer.authenticate()
    if OPENID not in presented.scopes or presented.grant_id is None:
        raise InsufficientScope("The access token was not issued for openid.")
    row = db.session().execute(_PERSON, {"grant_id": presented.grant_id, "jti": presented.jti}).first()
    if row is None:
        raise bearer.dead()
    client = clients.find_enabled(presented.client_id)
    if client is None:
        raise bearer.dead()
    told, now = _about(client, presented, row), clock.utc_now()
    if not (row.kept or {}).get("userinfo"):
        _note(client, presented.scopes, told, now)
    return encryption.userinfo(client, told, now)


def _note(client: Client, scopes: Collection[str], told: dict[str, Any], now: datetime) -> None:
    """Note what is told; not where single claims were asked for by name."""
    alg = client.metadata.userinfo_signed_response_alg
    service(Notes).note(
        client.client_id,
        schema.USERINFO,
        tuple(scopes),
        encryption.userinfo_claims(client, told),
        now=now,
        alg=alg or "none",
        typ="JWT" if alg else "",
        encryption=encryption.of_userinfo(client),
    )


def _about(client: Client, presented: Bearer, row: Any) -> dict[str, Any]:
    names = claims_request.named(row.kept, "userinfo", narrowed=(), allowed=client.view.scopes)
    person = people.view(db.session(), row, presented.scopes, row.kept)
    return disclosure.at_userinfo(client, person, presented.scopes, names)
