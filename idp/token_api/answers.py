"""What is answered, word for word as Django REST Framework and simplejwt do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType

from idp.errors import IdpError
from idp.login.second_step import NEW_PASSWORD
from idp.web import error_pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint

_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode

NO_ACTIVE_ACCOUNT = "No active account found with the given credentials"
NO_ACCOUNT_OF_TOKEN = "No active account found for the given token."
INVALID = "Token is invalid"
EXPIRED = "Token is expired"
BLACKLISTED = "Token is blacklisted"
WRONG_TYPE = "Token has wrong type"


class Refused(IdpError):
    """A refusal with the document that clients of simplejwt know, and its status."""

    status = 400

    def __init__(self, document: Mapping[str, Any], *, status: int, detail: str = "") -> None:
        super().__init__(str(document.get("detail", "The request cannot be read.")), detail=detail)
        self.document = document
        self.answered_with = status


def token_refused(sentence: str, *, detail: str = "") -> Refused:
    """Return the refusal of a token."""
    return Refused({"detail": sentence, "code": "token_not_valid"}, status=401, detail=detail)


def account_refused(sentence: str) -> Refused:
    """Return the refusal of a person, of whom it is not said whether they are here."""
    return Refused({"detail": sentence}, status=401)


def browser_needed(step: str, address: str) -> Refused:
    """Return the refusal of a password that is right and not enough; a browser goes on with *step* at *address*."""
    if step == NEW_PASSWORD:
        document = {"detail": "A new password is required. Sign in with a browser.", "code": "password_change_required"}
    else:
        document = {"detail": "A second factor is required. Sign in with a browser.", "code": "mfa_required"}
    return Refused({**document, "url": address}, status=401)


def fields_refused(faults: Mapping[str, str]) -> Refused:
    """Return the refusal of the fields in *faults*, with a sentence for each."""
    return Refused({name: [sentence] for name, sentence in faults.items()}, status=400)


def answer(document: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return *document* as JSON that nobody keeps."""
    response = Response(_dumps(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def refuse(error: IdpError) -> Response:
    """Return *error* in the words of Django REST Framework."""
    if isinstance(error, Refused):
        response = answer(error.document, status=error.answered_with)
    elif error.status == 429 and error.retry_after:  # noqa: PLR2004 - Too Many Requests
        unit = "second" if error.retry_after == 1 else "seconds"
        sentence = f"Request was throttled. Expected available in {error.retry_after} {unit}."
        response = answer({"detail": sentence}, status=429)
    else:
        response = answer({"detail": error.public}, status=error.status)
    if response.status_code == 401:  # noqa: PLR2004 - Unauthorized
        response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def answer_errors(bp: Blueprint) -> None:
    """Make every refusal of *bp* one that its clients can read."""

    def refused(error: HTTPException) -> Response:
        response = answer({"detail": _sentence(error)}, status=error.code or 500)
        for name, value in error.get_headers():
            if name not in {"Content-Type", "Content-Length"}:
                response.headers[name] = value
        return response

    bp.register_error_handler(IdpError, refuse)
    bp.register_error_handler(HTTPException, refused)
    # Another method than POST belongs to no blueprint.
    bp.record_once(lambda state: error_pages.answered_by(state.app, f"{bp.url_prefix}/", refused))


def _sentence(error: HTTPException) -> str:
    if isinstance(error, MethodNotAllowed):
        return f'Method "{request.method}" not allowed.'
    if isinstance(error, UnsupportedMediaType):
        return f'Unsupported media type "{request.content_type}" in request.'
    return error.description or error.name
