"""Who sits in front of this browser: the session cookie, the browser cookie, and Flask-Login as their loader."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import flask_login
import structlog
from flask import Flask, Request, Response, after_this_request, g, has_request_context, request
from sqlalchemy.exc import OperationalError

from idp import clock, opaque
from idp.db import db, transaction
from idp.diagnosis import reasons
from idp.errors import Forbidden
from idp.sessions import devices, store
from idp.settings import Settings
from idp.web import csrf, viewer
from idp.web.current import service

if TYPE_CHECKING:
    from idp.sessions.store import SessionView

BROWSER_COOKIE_LIFETIME = timedelta(days=400)
_LOG = structlog.get_logger("idp.login")
_LONGEST_COOKIE = 128
_SHORTEST_BROWSER_COOKIE = 43


class SessionUser(flask_login.UserMixin):  # type: ignore[misc]  # Flask-Login is untyped
    """The signed-in person as Flask-Login's ``current_user``."""

    def __init__(self, view: SessionView) -> None:
        self.view = view
        self.id = view.person_id


def session_cookie_name() -> str:
    """Return the name of the session cookie: with ``__Host-`` wherever browsers take that prefix (https)."""
    return "__Host-idp" if service(Settings).is_secure else "idp"


def browser_cookie_name() -> str:
    """Return the name of the cookie that tells browsers apart, signed in or not."""
    return "__Host-idp-browser" if service(Settings).is_secure else "idp-browser"


def current_session() -> SessionView | None:
    """Return the live session of this request's cookie, loaded once a request."""
    if not has_request_context():
        return None
    if "idp_session" not in g:
        cookie = request.cookies.get(session_cookie_name(), "")
        found = None
        if cookie:
            idle = service(Settings).session.idle
            found = store.load(db.session(), cookie, idle=idle, now=clock.utc_now())
        g.idp_session = found
        if found:
            viewer.know(found.zoneinfo, found.theme, found.locale)
    view: SessionView | None = g.idp_session
    return view


def signed_in() -> SessionView:
    """Return the live session of a page that only somebody signed in can reach."""
    view = current_session()
    if view is None:
        raise Forbidden(reasons.NOT_ALLOWED.public, reason=reasons.NOT_ALLOWED)
    return view


def forget_loaded_session() -> None:
    """Make the rest of this request see no session: it has just been ended, or exchanged for another."""
    g.idp_session = None
    g.pop("_login_user", None)


def set_session_cookie(response: Response, value: str) -> None:
    """Hand the session cookie to the browser; it ends with the browser or with the session, whichever is first."""
    _set_cookie(response, session_cookie_name(), value, lifetime=None)


def clear_session_cookie(response: Response) -> None:
    """Take the session cookie back, and with it the anti-forgery token of the forms shown so far."""
    name, secure = session_cookie_name(), service(Settings).is_secure
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")
    forget_forms()


def forget_forms() -> None:
    """Make every form shown before now useless: its anti-forgery token belongs to who was there before."""
    csrf.forget_forms()


def browser_fingerprint() -> str | None:
    """Return the fingerprint of this browser's cookie, or nothing when it has none."""
    value = _browser_cookie()
    return opaque.fingerprint(value) if value else None


def device() -> str:
    """Return what this browser and its system are called: Firefox on Linux."""
    return devices.describe(request.headers.get("User-Agent", ""))


def bind_browser() -> str:
    """Return this browser's fingerprint; a browser without a cookie gets one with the answer to this request."""
    value = _browser_cookie()
    if not value:
        value = g.idp_browser = opaque.token()
        after_this_request(_send_browser_cookie)
    return opaque.fingerprint(value)


def ensure_browser_cookie(response: Response) -> str:
    """Do what ``bind_browser`` does, on *response*."""
    fingerprint = bind_browser()
    if "idp_browser" in g:
        _set_cookie(response, browser_cookie_name(), g.idp_browser, lifetime=BROWSER_COOKIE_LIFETIME)
    return fingerprint


def _send_browser_cookie(response: Response) -> Response:
    name = browser_cookie_name()
    if not any(line.startswith(f"{name}=") for line in response.headers.getlist("Set-Cookie")):
        _set_cookie(response, name, g.idp_browser, lifetime=BROWSER_COOKIE_LIFETIME)
    return response


def _browser_cookie() -> str:
    if "idp_browser" in g:
        made: str = g.idp_browser
        return made
    value = request.cookies.get(browser_cookie_name(), "")
    return value if _SHORTEST_BROWSER_COOKIE <= len(value) <= _LONGEST_COOKIE else ""


def _set_cookie(response: Response, name: str, value: str, *, lifetime: timedelta | None) -> None:
    secure = service(Settings).is_secure
    response.set_cookie(name, value, max_age=lifetime, path="/", secure=secure, httponly=True, samesite="Lax")


def _load_user(_request: Request) -> SessionUser | None:
    view = current_session()
    return SessionUser(view) if view else None


def _note_use(response: Response) -> Response:
    """Write down, at most once a minute, that the session is in use; its idle limit is counted from there."""
    view: SessionView | None = g.get("idp_session")
    now = clock.utc_now()
    if view is not None and store.is_stale(view, now):
        try:
            with transaction() as session:
                store.touch(session, view.id, now)
        except OperationalError:
            # A busy database must not turn an answer that is ready into an error; the next request notes it.
            _LOG.warning("session use not noted", session_id=view.id)
    return response


def _person() -> dict[str, object]:
    return {"person": current_session()}


def init_app(app: Flask) -> None:
    """Make ``current_user`` and the template variable ``person`` work."""
    manager = flask_login.LoginManager()
    manager.session_protection = None
    manager.request_loader(_load_user)
    # Not manager.init_app(): that would open the form session on every answer, for a remember cookie never used here.
    app.login_manager = manager  # type: ignore[attr-defined]  # where Flask-Login looks for it
    # A cookie of this name would keep Flask-Login from asking the loader; no browser can send one.
    app.config["REMEMBER_COOKIE_NAME"] = "no remember cookie"
    app.context_processor(_person)
    app.after_request(_note_use)
