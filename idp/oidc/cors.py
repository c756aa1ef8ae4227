"""Which pages' scripts may read an answer (Fetch standard, CORS protocol); never with cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, g, request

from idp.cache import Cache
from idp.clients import store
from idp.db import db
from idp.protocol.redirect_uris import origin_of
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint

_PREFLIGHT_LIFETIME = "600"


def serve_everybody(bp: Blueprint, *paths: str) -> None:
    """Answer preflights of *paths*, and let every page read all answers of *bp*: public documents, the same for all."""

    def preflight(**_of_the_path: str) -> Response:
        return _allowing("GET")

    def answer(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    for path in paths:
        bp.add_url_rule(path, view_func=preflight, methods=["OPTIONS"], provide_automatic_options=False)
    bp.after_request(answer)


def serve_preflight(bp: Blueprint, path: str, methods: str) -> None:
    """Answer preflights of *path*, and let public clients' pages read every answer of *bp*, errors included."""

    def preflight() -> Response:
        return _allowing(methods if _is_allowed(request.headers.get("Origin", "")) else None)

    bp.add_url_rule(path, "preflight", preflight, methods=["OPTIONS"], provide_automatic_options=False)
    bp.after_request(_answer)


def _allowing(methods: str | None) -> Response:
    """Answer a preflight: the page that asks may use *methods*, or nothing at all."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    if methods is not None:
        response.headers["Access-Control-Allow-Methods"] = methods
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = _PREFLIGHT_LIFETIME
    return response


def _answer(response: Response) -> Response:
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin and _is_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _is_allowed(origin: str) -> bool:
    """Tell whether *origin* is that of a public client, of the very client once that is known."""
    owners = (service(Cache).get("public client origins", _load_origins) or {}).get(origin)
    if owners is None:
        return False
    client_id: str | None = g.get("oidc_client_id")
    return client_id is None or client_id in owners


def _load_origins() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for client in store.enabled(db.session()):
        if not client.metadata.is_public:
            continue
        for uri in client.metadata.redirect_uris:
            origin = origin_of(uri)
            if origin is not None:
                found[origin] = found.get(origin, frozenset()) | {client.client_id}
    return found
