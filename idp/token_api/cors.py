"""Which pages may call: those of exactly the registered origins (Fetch standard, CORS protocol).

With cookies only where the app keeps its refresh token in one.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from idp.cache import Cache
from idp.clients import store
from idp.clients.store import Client
from idp.clients.token_api import TokenApi
from idp.db import db
from idp.token_api.answers import Refused
from idp.web.current import service

_PREFLIGHT_LIFETIME = "600"


def the_client() -> Client:
    """Return the app that the token API is on for.

    Raises:
        Refused: it is off, or another page than the app's calls: its guesses at passwords are not heard at all.

    """
    client = _client()
    if client is None:
        raise Refused({"detail": "Not found."}, status=404)
    origin = request.headers.get("Origin")
    if origin is not None and origin not in settings_of(client).origins:
        raise Refused({"detail": "Pages of this origin may not use the token API."}, status=403)
    return client


def serve_preflight(bp: Blueprint, *paths: str) -> None:
    """Answer preflights of *paths*, and let the app's pages read every answer of *bp*, refusals included."""

    def preflight() -> Response:
        response = Response(status=204)
        del response.headers["Content-Type"]
        if request.headers.get("Origin") in settings_of(_client()).origins:
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_LIFETIME
        return response

    for path in paths:
        bp.add_url_rule(path, "preflight", preflight, methods=["OPTIONS"], provide_automatic_options=False)
    bp.after_request(_answer)


def _answer(response: Response) -> Response:
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin is not None and origin in settings_of(_client()).origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
        if settings_of(_client()).refresh_cookie:
            response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


def _client() -> Client | None:
    found = service(Cache).get("token api client", lambda: (store.of_token_api(db.session()),))
    return found[0] if found else None


def settings_of(client: Client | None) -> TokenApi:
    """Return what *client* registered for the token API; without one, that nothing is allowed."""
    return (client.metadata.token_api if client is not None else None) or TokenApi()
