"""How an authorization request is answered: query, fragment or form post, success or error, by one builder.

Every answer names the issuer (RFC 9207), so that a client of several providers cannot be mixed up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, redirect, render_template

from idp.protocol import authorization_request
from idp.protocol.redirect_uris import ResponseMode, append_parameters, origin_of
from idp.settings import Settings
from idp.web.current import service
from idp.web.headers import pending_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.errors import ProtocolError
    from idp.protocol.authorization_request import AuthorizationRequest, ClientView
    from idp.protocol.parameters import Parameters

# The page carries an answer that was asked for without showing anything, so it may sit in the client's own frame.
_FRAMED = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors {origin}"
)


def success(authorization: AuthorizationRequest, code: str) -> Response:
    """Hand *code* to the client."""
    return _answer(
        authorization.redirect_uri,
        authorization.response_mode,
        [("code", code), *_echoed(authorization.state)],
        is_silent=bool(authorization.prompts) and "none" in authorization.prompts,
    )


def refusal(error: ProtocolError, parameters: Parameters, client: ClientView) -> Response:
    """Tell the client of *error*, at the address that its request proved (RFC 6749 section 4.1.2.1).

    Raises:
        InvalidRedirectUri: the address is not proven after all.

    """
    return _answer(
        authorization_request.address(parameters, client),
        authorization_request.answer_mode(parameters),
        [
            ("error", error.oauth_error),
            ("error_description", error.error_description),
            *_echoed(parameters.get("state")),
        ],
        is_silent=parameters.get("prompt") == "none",
    )


def _echoed(state: str | None) -> list[tuple[str, str]]:
    return [] if state is None else [("state", state)]


def _answer(
    redirect_uri: str, mode: ResponseMode, parameters: Sequence[tuple[str, str]], *, is_silent: bool
) -> Response:
    pairs = [*parameters, ("iss", service(Settings).issuer)]
    if mode is ResponseMode.FORM_POST:
        return _form_post(redirect_uri, pairs, is_silent=is_silent)
    response = make_response(redirect(append_parameters(redirect_uri, pairs, mode), code=302))
    response.headers["Cache-Control"] = "no-store"
    return response


def _form_post(redirect_uri: str, pairs: Sequence[tuple[str, str]], *, is_silent: bool) -> Response:
    """Return the page that posts itself (OAuth 2.0 Form Post Response Mode section 2)."""
    pending_page()
    response = make_response(render_template("oidc/form_post.html", action=redirect_uri, fields=pairs))
    response.headers["Cache-Control"] = "no-store"
    origin = origin_of(redirect_uri)
    if is_silent and origin is not None:
        response.headers["Content-Security-Policy"] = _FRAMED.format(origin=origin)
    return response
