"""The logos of apps, under addresses that change with their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from idp.clients import logos
from idp.db import db
from idp.errors import NotFound
from idp.web.brand import picture
from idp.web.limits import answers_head
from idp.wording import say

if TYPE_CHECKING:
    from flask import Response

bp = Blueprint("logos", __name__)


@bp.get("/logos/<digest>")
@answers_head
def show(digest: str) -> Response:
    """Return one picture."""
    found = logos.find(db.session(), digest)
    if found is None:
        raise NotFound(say("There is no such picture."))
    return picture(found.media_type, found.content)
