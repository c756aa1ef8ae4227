"""The browsers in which the second factor is not asked for, on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import clock
from idp.account.way import Way
from idp.accounts import store as accounts
from idp.db import db
from idp.factors import remembered
from idp.login.browser import browser_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    session = db.session()
    person = accounts.find(session, view.person_id)
    found = remembered.of_person(session, person, clock.utc_now()) if person is not None else []
    return {"browsers": found, "here": browser_fingerprint()}


WAY = Way(order=60, template="account/security/_remembered.html", state=_state)
