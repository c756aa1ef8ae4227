"""Access tokens as they are presented, to userinfo and wherever else they open something (RFC 6750)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import g, request

from idp import clock
from idp.errors import IdpError, InvalidRequest, InvalidToken
from idp.keys.verifier import Verifier
from idp.oidc import clients, forms
from idp.oidc.json_responses import error_response
from idp.protocol import access_token
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Response

_REALM = 'Bearer realm="OpenID Connect"'
_PUBLIC = "The access token is not valid, has run out, or was revoked."


class NothingPresented(InvalidToken):
    """No access token came along at all (RFC 6750 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A verified access token; whether it was revoked is for the database to say."""

    claims: dict[str, Any]
    client_id: str
    jti: str
    scopes: tuple[str, ...]

    @property
    def grant_id(self) -> str | None:
        """The grant it was made from; ``None`` for a client's own token."""
        return access_token.grant_id_of(self.jti)


def authenticate() -> Bearer:
    """Return the access token of this request, in its header or, for POST, in its form.

    Raises:
        NothingPresented: there is none.
        InvalidRequest: there is more than one, or it stands in the query.
        InvalidToken: it does not verify, is not for the issuer, or its client is gone or disabled.

    """
    bearer = read(_presented(), audience=service(Settings).issuer, now=clock.utc_now())
    if bearer is None:
        raise InvalidToken(_PUBLIC)
    g.oidc_client_id = bearer.client_id
    return bearer


def dead() -> InvalidToken:
    """Return the refusal of a token that verifies and was revoked, or whose person is disabled."""
    return InvalidToken(_PUBLIC, detail="revoked, or the person is disabled")


def read(token: str, *, audience: str | None, now: datetime) -> Bearer | None:
    """Return what an access token of ours says, ``None`` when it is none, has run out, or its client is disabled."""
    try:
        claims = service(Verifier).verify(token, typ=access_token.TYP, audience=audience, now=now)
    except InvalidToken:
        return None
    client_id, jti = claims.get("client_id"), claims.get("jti")
    if not isinstance(client_id, str) or not isinstance(jti, str) or clients.find_enabled(client_id) is None:
        return None
    return Bearer(claims, client_id, jti, tuple(str(claims.get("scope", "")).split()))


def bearer_error_response(error: IdpError) -> Response:
    """Return *error* as a protected resource does (RFC 6750 section 3)."""
    response = error_response(error)
    if isinstance(error, NothingPresented):
        # Nothing was presented, so nothing is said about it.
        response.headers["WWW-Authenticate"] = _REALM
    elif error.status in {400, 401, 403}:
        response.headers["WWW-Authenticate"] = (
            f'{_REALM}, error="{error.oauth_error}", error_description="{error.error_description}"'
        )
    return response


def _presented() -> str:
    if "access_token" in request.args:
        raise InvalidRequest("Send the access token in the Authorization header, never in the query.")
    in_form = None
    # Elsewhere a form is refused that is none; a JSON document has no place for a token.
    if request.method == "POST" and request.content_length and request.mimetype != "application/json":
        in_form = forms.read_form().get("access_token")
    header = request.headers.get("Authorization")
    if header is None:
        if in_form is None:
            raise NothingPresented("An access token is needed.")
        return in_form
    if in_form is not None:
        raise InvalidRequest("Send the access token once.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise NothingPresented("An access token is needed.")
    return token.strip()
