"""The browsers in which the second factor is not asked for, on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp import clock
from idp.account.way import Held, Way
from idp.accounts import store as accounts
from idp.db import db
from idp.factors import remembered
from idp.login.browser import browser_fingerprint
from idp.sessions.devices import named
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from idp.factors.models import RememberedBrowser
    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    browsers = [(one, named(one.user_agent)) for one in _found(view)]
    return {"browsers": browsers, "here": browser_fingerprint()}


def _held(view: SessionView) -> list[Held]:
    return [
        Held(
            say("No second step in %(device)s", device=named(one.user_agent)),
            "laptop",
            one.created_at,
            url_for("account_two_step.forget", remembered_id=one.id),
            label=say("Ask again there"),
            is_form=True,
        )
        for one in _found(view)
    ]


def _found(view: SessionView) -> Sequence[RememberedBrowser]:
    session = db.session()
    person = accounts.find(session, view.person_id)
    return remembered.of_person(session, person, clock.utc_now()) if person is not None else []


WAY = Way(order=60, template="account/security/_remembered.html", state=_state, held=_held)
