"""Answers to machines: JSON that nobody keeps, errors in the words of OAuth (RFC 6749 section 5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog
from flask import Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.errors import IdpError, InvalidClient, TemporarilyUnavailable
from idp.web.error_pages import for_machines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint

_LOG = structlog.get_logger("idp.oidc")
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def json_response(document: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return *document* as JSON that no cache keeps (RFC 6749 section 5.1)."""
    response = Response(_dumps(document), status=status, content_type="application/json")
    return never_kept(response)


def never_kept(response: Response) -> Response:
    """Keep *response* out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def error_response(error: IdpError) -> Response:
    """Return *error* as JSON (RFC 6749 section 5.2), with the challenge that its status asks for."""
    document = {"error": error.oauth_error, "error_description": error.error_description}
    response = json_response(document, status=error.status)
    if isinstance(error, InvalidClient):
        response.headers["WWW-Authenticate"] = 'Basic realm="OAuth 2 clients", charset="UTF-8"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def answer_errors(bp: Blueprint, render: Callable[[IdpError], Response] = error_response) -> None:
    """Make every error of *bp* JSON, an unforeseen one included: a machine cannot read a page."""

    def refused(error: IdpError) -> Response:
        _LOG.info("refused", error=error.oauth_error, public=error.public, detail=error.detail)
        return render(error)

    def busy(error: OperationalError | PoolTimeout) -> Response:
        _LOG.warning("database not available", kind=type(error).__name__)
        response = error_response(TemporarilyUnavailable("The server is busy. Try again in a moment."))
        response.headers["Retry-After"] = "1"
        return response

    for_machines(bp)
    bp.register_error_handler(IdpError, refused)
    bp.register_error_handler(OperationalError, busy)
    bp.register_error_handler(PoolTimeout, busy)
