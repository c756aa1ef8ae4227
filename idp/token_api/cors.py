"""Which pages may call: those of exactly the registered origins, never with cookies (Fetch standard, CORS protocol)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from idp.cache import Cache
from idp.clients import store
from idp.clients.store import Client
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
    if origin is not None and origin not in _origins(client):
        raise Refused({"detail": "Pages of this origin may not use the token API."}, status=403)
    return client


def serve_preflight(bp: Blueprint, *paths: str) -> None:
    """Answer preflights of *paths*, and let the app's pages read every answer of *bp*, refusals included."""

    def preflight() -> Response:
        response = Response(status=204)
        del response.headers["Content-Type"]
        if request.headers.get("Origin") in _origins(_client()):
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
    if origin is not None and origin in _origins(_client()):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
    return response


def _client() -> Client | None:
    found = service(Cache).get("token api client", lambda: (store.of_token_api(db.session()),))
    return found[0] if found else None


def _origins(client: Client | None) -> tuple[str, ...]:
    return client.metadata.token_api.origins if client is not None and client.metadata.token_api is not None else ()
