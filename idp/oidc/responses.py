"""How an authorization request is answered: query, fragment, form post, plain or signed, by one builder.

Every answer names the issuer (RFC 9207), so that a client of several providers cannot be mixed up; a signed one does so
inside of its token (JARM section 2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, redirect, render_template

from idp import clock, opaque
from idp.login import browser_state
from idp.oidc import signing
from idp.protocol import authorization_request, response_types, scopes, session_state
from idp.protocol.id_token import HEADER
from idp.protocol.redirect_uris import ResponseMode, append_parameters, origin_of
from idp.settings import Settings
from idp.web.current import service
from idp.web.headers import pending_page

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from idp.clients.store import Client
    from idp.errors import ProtocolError
    from idp.protocol.authorization_request import AuthorizationRequest
    from idp.protocol.parameters import Parameters
    from idp.protocol.response_types import AnswerMode

    Pairs = Sequence[tuple[str, str]]

# The page carries an answer that was asked for without showing anything, so it may sit in the client's own frame.
_FRAMED = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors {origin}"
)


def success(client: Client, authorization: AuthorizationRequest, pairs: Pairs) -> Response:
    """Hand *pairs* to the client: what was issued, and whatever else belongs to the answer but state and issuer."""
    return _answer(
        client,
        authorization.redirect_uri,
        authorization.mode,
        [
            *pairs,
            *_session_state(client, authorization.redirect_uri, authorization.scopes),
            *_echoed(authorization.state),
        ],
        is_silent="none" in authorization.prompts,
    )


def refusal(client: Client, error: ProtocolError, parameters: Parameters, extra: Pairs = ()) -> Response:
    """Tell the client of *error*, at the address that its request proved (RFC 6749 section 4.1.2.1).

    Raises:
        InvalidRedirectUri: the address is not proven after all.

    """
    redirect_uri = authorization_request.address(parameters, client.view)
    return _answer(
        client,
        redirect_uri,
        authorization_request.answer_mode(parameters),
        [
            ("error", error.oauth_error),
            ("error_description", error.error_description),
            *extra,
            *_session_state(client, redirect_uri, (parameters.get("scope") or "").split()),
            *_echoed(parameters.get("state")),
        ],
        is_silent=parameters.get("prompt") == "none",
    )


def _echoed(state: str | None) -> list[tuple[str, str]]:
    return [] if state is None else [("state", state)]


def _session_state(client: Client, redirect_uri: str, asked: Collection[str]) -> Pairs:
    """Return what the client can ask the check-session page about (OpenID Connect Session Management section 2)."""
    origin = origin_of(redirect_uri)
    state = browser_state.tell_state() if origin is not None and scopes.OPENID in asked else None
    if origin is None or state is None:
        return []
    return [("session_state", session_state.compute(client.client_id, origin, state, opaque.token(12)))]


def _answer(client: Client, redirect_uri: str, mode: AnswerMode, pairs: Pairs, *, is_silent: bool) -> Response:
    sent = [("response", _signed(client, pairs))] if mode.is_signed else [*pairs, ("iss", service(Settings).issuer)]
    if mode.place is ResponseMode.FORM_POST:
        return _form_post(redirect_uri, sent, is_silent=is_silent)
    response = make_response(redirect(append_parameters(redirect_uri, sent, mode.place), code=302))
    response.headers["Cache-Control"] = "no-store"
    return response


def _signed(client: Client, pairs: Pairs) -> str:
    """Return the answer as one token for the client alone, by the algorithm that it registered (JARM section 2.1)."""
    now, alg = clock.utc_now(), client.metadata.authorization_signed_response_alg
    claims = {
        **dict(pairs),
        "iss": service(Settings).issuer,
        "aud": client.client_id,
        "exp": clock.epoch_seconds(now + response_types.SIGNED_LIFETIME),
    }
    return signing.sign(client, alg, header=HEADER, claims=claims, now=now)


def _form_post(redirect_uri: str, pairs: Pairs, *, is_silent: bool) -> Response:
    """Return the page that posts itself (OAuth 2.0 Form Post Response Mode section 2)."""
    pending_page()
    response = make_response(render_template("oidc/form_post.html", action=redirect_uri, fields=pairs))
    response.headers["Cache-Control"] = "no-store"
    origin = origin_of(redirect_uri)
    if is_silent and origin is not None:
        response.headers["Content-Security-Policy"] = _FRAMED.format(origin=origin)
    return response
