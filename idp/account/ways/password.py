"""The password on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.account.way import Way
from idp.accounts import store
from idp.db import db

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    person = store.find(db.session(), view.person_id)
    return {
        "has_password": person is not None and person.password_hash is not None,
        "changed_at": person.password_changed_at if person else None,
    }


WAY = Way(order=20, template="account/security/_password.html", state=_state)
