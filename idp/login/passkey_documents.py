"""What browsers and password managers look up about passkeys here."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, url_for

from idp.errors import NotFound
from idp.login.passkey_party import party
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import answers_head
from idp.wording import say

bp = Blueprint("login_passkey_documents", __name__)

_MAX_AGE = "public, max-age=3600"


@bp.get("/.well-known/passkey-endpoints")
@answers_head
def endpoints() -> Response:
    """Say where passkeys are added and managed (W3C, A Well-Known URL for Relying Party Passkey Endpoints)."""
    if party() is None:
        raise NotFound(say("There are no passkeys here."))
    issuer = service(Settings).issuer
    enroll, manage = url_for("account_passkeys.new"), url_for("account_security.index", _anchor="passkeys")
    return _public({"enroll": f"{issuer}{enroll}", "manage": f"{issuer}{manage}"})


@bp.get("/.well-known/webauthn")
@answers_head
def related_origins() -> Response:
    """Name the other origins that may use the passkeys of this one (Web Authentication section 5.11)."""
    origins = service(Settings).passkeys.related_origins
    if not origins:
        raise NotFound(say("No other origin may use the passkeys of this one."))
    return _public({"origins": list(origins)})


def _public(document: dict[str, object]) -> Response:
    response = jsonify(document)
    response.headers["Cache-Control"] = _MAX_AGE
    return response
