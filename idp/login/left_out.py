"""Browsers in which somebody chose not to be asked for the second factor: what they hold, and how it is exchanged.

They hold a cookie of its own for it, beside the one that tells browsers apart. Its value is good for one sign-in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import after_this_request, request

from idp import clock
from idp.audit.factor_events import BrowserForgotten, BrowserRemembered
from idp.audit.log import SYSTEM, record
from idp.factors import remembered
from idp.login import notices
from idp.login.actor import acting
from idp.login.browser import BROWSER_COOKIE_LIFETIME, browser_fingerprint
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from flask import Response
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

_FAILED = 400


def remember(session: Session, person: Person) -> None:
    """Ask *person*, who is locked and has just given the second factor, no more in this browser for a while."""
    lifetime, browser = service(Settings).sign_in.remember, browser_fingerprint()
    if not lifetime or browser is None:
        return
    agent, now = request.headers.get("User-Agent", ""), clock.utc_now()
    _hand_out(remembered.add(session, person, browser, held=_held(), user_agent=agent, lifetime=lifetime, now=now))
    event = BrowserRemembered(target_id=person.id, target_name=person.username, days=lifetime.days)
    record(session, event, now=now, actor=acting(person.id, person.name or person.username))


def passes(session: Session, person: Person) -> bool:
    """Tell whether *person*, who is locked, signs in here without being asked; each time counts as a use."""
    if not service(Settings).sign_in.remember:
        return False
    now = clock.utc_now()
    use = remembered.use(session, person, browser_fingerprint(), _held(), now)
    if use.is_copied:
        event = BrowserForgotten(target_id=person.id, target_name=person.username, browsers=1, copied=True)
        record(session, event, now=now, actor=SYSTEM)
        notices.tell(session, person, "remembered_browser_copied", now=now, themselves=True)
    if use.value:
        _hand_out(use.value)
    return use.may_pass


def is_here(session: Session, person: Person) -> bool:
    """Tell whether *person* chose not to be asked in this browser, and may."""
    is_on = bool(service(Settings).sign_in.remember)
    return is_on and remembered.is_remembered(session, person, browser_fingerprint(), _held(), clock.utc_now())


def cookie_name() -> str:
    """Return the name of the cookie that such a browser holds."""
    return "__Host-idp-left-out" if service(Settings).is_secure else "idp-left-out"


def _held() -> str:
    return request.cookies.get(cookie_name(), "")


def _hand_out(value: str) -> None:
    """Have the browser hold *value*, unless the request fails and nothing of it lasts."""
    name, secure, lifetime = cookie_name(), service(Settings).is_secure, BROWSER_COOKIE_LIFETIME

    @after_this_request
    def send(response: Response) -> Response:
        if response.status_code < _FAILED:
            response.set_cookie(name, value, max_age=lifetime, path="/", secure=secure, httponly=True, samesite="Lax")
        return response
