"""The cookie by which script can tell that somebody signed in or out (OpenID Connect Session Management section 4.2).

It is readable by script and by our page inside of other sites, so it holds nothing of worth: a value that follows from
the session's id under a secret of the installation, another one for each session.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, request

from idp.settings import Settings
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from idp.sessions.store import SessionView

# Said outright: a browser without the cookie may be one that keeps none in frames, and must not look signed out.
SIGNED_OUT: Final = "out"


def cookie_name() -> str:
    """Return the name of the cookie: with ``__Host-`` wherever browsers take that prefix (https)."""
    return "__Host-idp-state" if service(Settings).is_secure else "idp-state"


def tell_state() -> str | None:
    """Return the state of this browser, to be told to an app; ``None`` where nobody looked at who is signed in."""
    if "idp_session" not in g:
        return None
    # The app will compare: from now on this browser has the cookie, signed in or not.
    g.idp_state_told = True
    return _state_of(g.idp_session)


def keep_to_ourselves() -> None:
    """Send no cookie with this answer: not the browser receives it."""
    g.idp_state_kept = True


def _state_of(view: SessionView | None) -> str:
    if view is None:
        return SIGNED_OUT
    mac = hmac.digest(service(Secrets).derive("browser state"), view.id.encode(), "sha256")
    return base64.urlsafe_b64encode(mac[:18]).decode()


def _follow(response: Response) -> Response:
    """Bring the cookie up to date after every request that looked at who is signed in; visitors get none."""
    if "idp_session" not in g or "idp_state_kept" in g:
        return response
    state, present = _state_of(g.idp_session), request.cookies.get(cookie_name())
    is_wanted = state != SIGNED_OUT or present is not None or g.get("idp_state_told", False)
    if is_wanted and present != state:
        # None: the page that reads it sits in a frame of the app. That takes Secure, which loopback addresses may set.
        response.set_cookie(cookie_name(), state, path="/", secure=True, httponly=False, samesite="None")
    return response


def init_app(app: Flask) -> None:
    """Keep the cookie of every browser up to date."""
    app.after_request(_follow)
