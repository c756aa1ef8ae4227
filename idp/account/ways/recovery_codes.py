"""The recovery codes on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.account.way import Way
from idp.db import db
from idp.factors import recovery_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    session, person_id = db.session(), view.person_id
    return {
        "strip": recovery_codes.strip(session, person_id),
        "left": recovery_codes.left(session, person_id),
        "made_at": recovery_codes.made_at(session, person_id),
    }


WAY = Way(order=50, template="account/security/_recovery_codes.html", state=_state)
