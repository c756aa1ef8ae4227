"""Whether somebody who has just signed in with a password is to see the offer of a passkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

from idp import clock
from idp.db import db, transaction
from idp.login import second_step
from idp.login.passkey_party import party
from idp.passkeys import store
from idp.protocol import acr
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from idp.login.waiting import Waiting

FIELD = "passkey_offer"


def stop_on_the_way(waiting: Waiting, cookie: str) -> str | None:
    """Return the page of the offer when whoever has just got the session *cookie* is to see it, once in thirty days."""
    if request.form.get(FIELD) != "1" or party() is None:
        return None
    now = clock.utc_now()
    view = sessions.load(db.session(), cookie, idle=service(Settings).session.idle, now=now)
    # Whoever has just used one, as the second step, needs none; whoever left that step out may add none.
    if view is None or acr.reaches(view.acr, acr.PHISHING_RESISTANT) or second_step.is_half_shown(view):
        return None
    with transaction() as session:
        is_due = store.take_offer(session, view.person_id, now)
    return url_for("login_passkey_offer.show", interaction=waiting.id or None) if is_due else None
