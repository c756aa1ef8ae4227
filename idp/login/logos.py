"""The logos of apps, under addresses that change with their content."""

from __future__ import annotations

from flask import Blueprint, Response

from idp.clients import logos
from idp.db import db
from idp.errors import NotFound
from idp.web.limits import answers_head

bp = Blueprint("logos", __name__)

_YEAR = 365 * 86400


@bp.get("/logos/<digest>")
@answers_head
def show(digest: str) -> Response:
    """Return one picture; it was made elsewhere, so it may be nothing but a picture."""
    picture = logos.find(db.session(), digest)
    if picture is None:
        raise NotFound("There is no such picture.")
    response = Response(picture.content, content_type=picture.media_type)
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
