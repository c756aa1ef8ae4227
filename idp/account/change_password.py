"""``/.well-known/change-password``: where password managers send people (W3C, Changing Passwords)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from idp.web.limits import answers_head

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

# Not "account_…": who is asked whether the address is there at all need not be signed in.
bp = Blueprint("change_password", __name__)


@bp.get("/.well-known/change-password")
@answers_head
def index() -> Response:
    """Send the browser to the page about passwords."""
    return redirect(url_for("account_security.index", _anchor="password"), 302)
