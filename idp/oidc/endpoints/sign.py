"""Signed statements: a client has its own JSON signed for another client, which verifies it with the key set alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request

from idp import clock, opaque
from idp.audit.events import StatementSigned, ThrottleHit
from idp.audit.log import record
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.errors import InsufficientScope, InvalidRequest, InvalidTarget
from idp.oidc import bearer, client_auth, clients, json_responses, signing
from idp.oidc.forms import from_elsewhere
from idp.protocol import statement
from idp.protocol.statement import Statement
from idp.protocol.strict_json import parse_object
from idp.settings import Settings
from idp.tokens import revocation
from idp.web.current import service
from idp.web.limits import takes_json
from idp.web.throttle import Limit, Rule, throttle

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client

bp = Blueprint("oidc_sign", __name__)

_MINUTE: Final = timedelta(minutes=1)
# For one client, on all workers together; far more than a message from service to service needs.
RULE: Final = Rule("statements", free=300, first_wait=_MINUTE, longest_wait=_MINUTE, doubles=False, window=_MINUTE)
_MEMBERS: Final = frozenset({"audience", "statement", "expires_in"})
_BODY = "Send one JSON object with audience and statement, as application/json in UTF-8."
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode

json_responses.answer_errors(bp, bearer.bearer_error_response)


@dataclass(frozen=True, slots=True)
class _Wanted:
    audience: str
    content: dict[str, Any]
    lifetime: timedelta
    size: int


@bp.post("/oauth/sign")
@from_elsewhere
@takes_json
@commits_in_steps
def create() -> Response:
    """Sign the statement of a client that acts for itself."""
    client, now = _sender(), clock.utc_now()
    wanted = _read()
    audience = clients.find_enabled(wanted.audience)
    if audience is None or audience.client_id == client.client_id:
        raise InvalidTarget("audience must be the client_id of another app that is registered here and switched on.")
    end_reading()
    _count(client, now)
    made = Statement(
        issuer=service(Settings).issuer,
        client_id=client.client_id,
        audience=audience.client_id,
        lifetime=wanted.lifetime,
        jti=opaque.token(16),
        content=wanted.content,
    )
    token = signing.sign(audience, _alg(client), header=statement.HEADER, claims=made.claims(now), now=now)
    with transaction() as session:
        event = StatementSigned(
            target_id=audience.client_id,
            target_name=audience.name,
            jti=made.jti,
            size=wanted.size,
            seconds=int(wanted.lifetime.total_seconds()),
        )
        record(session, event, now=now, actor=client_auth.actor_of(client))
    return json_responses.json_response({"token": token, "expires_in": int(wanted.lifetime.total_seconds())})


def _alg(client: Client) -> str:
    return client.metadata.access_token_signed_response_alg or client.defaults.alg_for_resources


def _sender() -> Client:
    """Return the client that presents a token of its own with the scope.

    Raises:
        InvalidToken: the token is not good here, or was revoked.
        InsufficientScope: it is a person's, or was made for something else.

    """
    presented = bearer.authenticate()
    if presented.grant_id is not None or statement.SCOPE not in presented.scopes:
        raise InsufficientScope(
            f"Send a token of the app itself (client_credentials) with the scope {statement.SCOPE}."
        )
    client = clients.find_enabled(presented.client_id)
    # The scope may have been taken from the client since.
    if client is None or not revocation.is_live(db.session(), presented.jti):
        raise bearer.dead()
    if statement.SCOPE not in client.metadata.scopes:
        raise InsufficientScope("The app may not have statements signed any more.")
    return client


def _count(client: Client, now: datetime) -> None:
    """Count one statement of *client*.

    Raises:
        TooManyAttempts: there were ``RULE.free`` within a minute.

    """
    reservation = throttle().reserve([Limit(RULE, client.client_id)], now)
    if any(blocked_until is not None for _, blocked_until in reservation.taken):
        # From here on the client is refused; said once, however many follow.
        event = ThrottleHit(target_id=client.client_id, limit=RULE.name, seconds=int(_MINUTE.total_seconds()))
        with transaction() as session:
            record(session, event, now=now, actor=client_auth.actor_of(client))


def _read() -> _Wanted:
    """Read what is to be signed.

    Raises:
        InvalidRequest: naming what is wrong.

    """
    if request.query_string or request.mimetype != "application/json":
        raise InvalidRequest(_BODY)
    try:
        given = parse_object(request.get_data(cache=False))
    except ValueError as error:
        raise InvalidRequest(f"{_BODY} {error}") from None
    unknown = sorted(given.keys() - _MEMBERS)
    if unknown:
        raise InvalidRequest("Beside audience, statement and expires_in nothing can be sent.")
    audience, content = given.get("audience"), given.get("statement")
    if not isinstance(audience, str) or not audience:
        raise InvalidRequest("audience is missing: the client_id of the app that the statement is for.")
    if not isinstance(content, dict):
        raise InvalidRequest("statement is missing: the JSON object that is to be signed.")
    size = len(_dumps(content).encode())
    if size > statement.MAX_BYTES:
        raise InvalidRequest(f"statement is larger than {statement.MAX_BYTES} bytes.")
    return _Wanted(audience, content, _lifetime(given.get("expires_in")), size)


def _lifetime(seconds: object) -> timedelta:
    if seconds is None:
        return statement.USUAL_LIFETIME
    most = int(statement.MAX_LIFETIME.total_seconds())
    if type(seconds) is not int or not 1 <= seconds <= most:
        raise InvalidRequest(f"expires_in must be a whole number of seconds from 1 to {most}.")
    return timedelta(seconds=seconds)
