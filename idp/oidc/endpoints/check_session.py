"""The page that apps put into a hidden frame to learn of a sign-out (OpenID Connect Session Management section 3.2)."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from idp.login import browser_state

bp = Blueprint("oidc_check_session", __name__)

METADATA = {"check_session_iframe": "/oauth/check-session"}

# Anybody may frame it: it answers whether what the asker already holds has changed, and nothing else.
_POLICY = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"


@bp.get("/oauth/check-session")
def show() -> Response:
    """Return the page; its script does the rest, in the browser."""
    response = make_response(render_template("oidc/check_session.html", cookie=browser_state.cookie_name()))
    response.headers["Content-Security-Policy"] = _POLICY
    return response
