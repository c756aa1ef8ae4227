"""The headers that every answer carries, unless its view said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, g

from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Iterable

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Chromium holds form-action against every redirect that follows the post, those of the app included: a page on the way
# to an app cannot send it.
_POLICY_WITH_FORMS = f"{_POLICY}; form-action 'self'"
_PERMISSIONS = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    "payment=(), usb=(), publickey-credentials-get=(self)"
)
_TRANSPORT = "max-age=31536000"
_HTML = "text/html"


def pending_page() -> None:
    """Say that this answer is a page of a pending request, whose form may end at an app on another origin."""
    g.idp_form_leaves = True


def in_popup() -> None:
    """Say that this answer is on the way of a request in a popup, whose page reports to the app's that opened it.

    One answer on the way with another policy, a redirect included, would part the two for good.
    """
    g.idp_opener_stays = True


def frames(origins: Iterable[str]) -> None:
    """Say that this answer is a page with frames of these origins in it, and of no others."""
    g.idp_frames = sorted(set(origins))


def add_headers(response: Response) -> Response:
    """Add the headers of every answer; what the view set stays."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cache-Control", "no-store")
    if service(Settings).is_secure:
        headers.setdefault("Strict-Transport-Security", _TRANSPORT)
    if response.mimetype == _HTML:
        policy = _POLICY if g.get("idp_form_leaves", False) else _POLICY_WITH_FORMS
        framed = g.get("idp_frames", ())
        headers.setdefault("Content-Security-Policy", f"{policy}; frame-src {' '.join(framed)}" if framed else policy)
        if "frame-ancestors 'none'" in headers["Content-Security-Policy"]:
            headers.setdefault("X-Frame-Options", "DENY")
        opener = "unsafe-none" if g.get("idp_opener_stays", False) else "same-origin"
        headers.setdefault("Cross-Origin-Opener-Policy", opener)
        headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.vary.add("Cookie")
    elif "Content-Security-Policy" not in headers:
        headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    # The server in front of the application tells its own name where none is given.
    headers["Server"] = ""
    return response


def init_app(app: Flask) -> None:
    """Add the headers to every answer of *app*."""
    app.after_request(add_headers)
