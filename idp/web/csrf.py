"""Cross-site request forgery: every POST carries a token, but for the routes that say they are called by machines.

The token belongs to the form session, which begins anew at sign-in and sign-out, and to the pending request whose page
showed the form. Besides, a browser that says where the form was sent from must name this site.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf

from idp.diagnosis import reasons
from idp.errors import Forbidden
from idp.settings import Settings
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

_OWN_SITES = frozenset({"same-origin", "none"})
_FIELD = "csrf_token"


class _FormSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, whose signing object is made once and not at every request."""

    def __init__(self) -> None:
        self._made: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookie; the key of *app* never changes."""
        if self._made is None:
            self._made = super().get_signing_serializer(app)
        return self._made


class FormProtection(CSRFProtect):  # type: ignore[misc]  # Flask-WTF is untyped
    """Flask-WTF's protection, with tokens that are bound to the pending request, and a look at the Origin."""

    def init_app(self, app: Flask) -> None:
        """Check every form of *app*, by its route and whatever its content type."""
        super().init_app(app)
        app.session_interface = _FormSessions()
        app.jinja_env.globals["csrf_token"] = csrf_token

    def protect(self, apply_exemptions: bool = False) -> None:  # noqa: FBT001, FBT002 - the interface of Flask-WTF
        """Refuse a request whose token is not the one this browser was given, or that another site sent."""
        super().protect(apply_exemptions)
        if g.get("csrf_valid"):
            check_origin()

    def _get_csrf_token(self) -> str | None:
        """Return the part of the token that Flask-WTF knows, once the part that is ours has been checked."""
        given = super()._get_csrf_token() or ""
        token, _, binding = given.rpartition("~")
        pending = _pending() or request.form.get("interaction", "")
        if pending and not hmac.compare_digest(binding.encode(), _binding(pending).encode()):
            raise CSRFError("The CSRF token belongs to another pending request.")
        return token or None


def csrf_token() -> str:
    """Return the token for the forms of this page."""
    token = generate_csrf()
    return f"{token}~{_binding(_pending())}"


def forget_forms() -> None:
    """Make every form shown before now useless: its token belongs to who was there before."""
    session.clear()
    g.pop(_FIELD, None)


def check_origin() -> None:
    """Refuse a form that a browser says was sent from another site.

    Our own pages send no referrer, so Chromium sends ``Origin: null`` with their forms.

    Raises:
        Forbidden: Origin or Sec-Fetch-Site names another site.

    """
    if not is_own_site():
        raise Forbidden(say("This form was sent from another site."), reason=reasons.CSRF_EXPIRED)


def is_own_site() -> bool:
    """Tell whether nothing says that another site sent this request."""
    origin = request.headers.get("Origin", "null")
    site = request.headers.get("Sec-Fetch-Site", "none")
    return origin in {"null", service(Settings).issuer} and site in _OWN_SITES


def _pending() -> str:
    found: str = request.args.get("interaction") or (request.view_args or {}).get("interaction") or ""
    return found


def _binding(pending: str) -> str:
    """Return what ties the form session's token to the pending request."""
    key = current_app.secret_key or b""
    secret = key if isinstance(key, bytes) else key.encode()
    message = f"{session.get(_FIELD, '')} {pending}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")[:18]).decode()


csrf = FormProtection()
