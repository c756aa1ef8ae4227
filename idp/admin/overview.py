"""Where administration begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from idp.login.guards import admin_required

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("admin_overview", __name__, url_prefix="/admin")


@bp.get("")
@admin_required
def index() -> Response:
    """Lead to the apps."""
    return redirect(url_for("admin_clients.index"), 303)
