"""The authenticator app on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.account.way import Way
from idp.db import db
from idp.factors import store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    return {"factor": store.find(db.session(), view.person_id, store.TOTP)}


WAY = Way(order=30, template="account/security/_totp.html", state=_state)
