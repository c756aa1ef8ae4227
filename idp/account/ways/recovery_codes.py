"""The recovery codes on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.account.way import Held, Way
from idp.db import db
from idp.factors import changes, recovery_codes
from idp.wording import say

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


def _held(view: SessionView) -> list[Held]:
    session, person_id = db.session(), view.person_id
    made_at = recovery_codes.made_at(session, person_id)
    if made_at is None or not recovery_codes.left(session, person_id):
        return []
    address = url_for("account_two_step.confirm_removal", kind=changes.RECOVERY_CODES)
    return [Held(say("Recovery codes"), "list-checks", made_at, address)]


WAY = Way(order=50, template="account/security/_recovery_codes.html", state=_state, held=_held)
