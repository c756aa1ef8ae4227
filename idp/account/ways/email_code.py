"""Codes by mail on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.account.way import Held, Way
from idp.db import db
from idp.factors import store
from idp.settings import Settings
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    return {
        "factor": store.find(db.session(), view.person_id, store.EMAIL),
        "is_offered": service(Settings).sign_in.email_code,
        "is_verified": view.email_verified,
        "email": view.email,
    }


def _held(view: SessionView) -> list[Held]:
    factor = store.find(db.session(), view.person_id, store.EMAIL)
    if factor is None:
        return []
    address = url_for("account_two_step.confirm_removal", kind=store.EMAIL)
    return [Held(say("Codes by email to %(email)s", email=view.email), "mail", factor.created_at, address)]


WAY = Way(order=40, template="account/security/_email_code.html", state=_state, held=_held)
