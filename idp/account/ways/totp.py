"""The authenticator app on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.account.way import Held, Way
from idp.db import db
from idp.factors import store
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    return {"factor": store.find(db.session(), view.person_id, store.TOTP)}


def _held(view: SessionView) -> list[Held]:
    factor = store.find(db.session(), view.person_id, store.TOTP)
    if factor is None:
        return []
    address = url_for("account_two_step.confirm_removal", kind=store.TOTP)
    return [Held(say("Authenticator app"), "smartphone", factor.created_at, address)]


WAY = Way(order=30, template="account/security/_totp.html", state=_state, held=_held)
