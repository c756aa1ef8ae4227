"""The UserInfo endpoint (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy import bindparam, select

from idp.db import db
from idp.errors import InsufficientScope
from idp.oidc import bearer, cors, json_responses, people
from idp.oidc.forms import from_elsewhere
from idp.protocol.claims import claims_for
from idp.protocol.scopes import OPENID
from idp.tokens.revocation import live_grant

bp = Blueprint("oidc_userinfo", __name__)

METADATA = {"userinfo_endpoint": "/oauth/userinfo"}

_PERSON = select(*people.COLUMNS).where(*live_grant(bindparam("grant_id"), bindparam("jti")))

json_responses.answer_errors(bp, bearer.bearer_error_response)
cors.serve_preflight(bp, "/oauth/userinfo", "GET, POST")


@bp.route("/oauth/userinfo", methods=["GET", "POST"])
@from_elsewhere
def show() -> Response:
    """Tell what the access token's scopes say about its person."""
    presented = bearer.authenticate()
    if OPENID not in presented.scopes or presented.grant_id is None:
        raise InsufficientScope("The access token was not issued for openid.")
    session = db.session()
    row = session.execute(_PERSON, {"grant_id": presented.grant_id, "jti": presented.jti}).first()
    if row is None:
        raise bearer.dead()
    person = people.view(session, row, presented.scopes)
    return json_responses.json_response({"sub": person.subject, **claims_for(person, presented.scopes)})
