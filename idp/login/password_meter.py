"""Says of a new password, while it is typed, how hard it is to guess; without JavaScript one hears it after sending."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask import Blueprint, jsonify, request

from idp import clock
from idp.accounts import strength
from idp.db import commits_in_steps
from idp.login.browser import current_session
from idp.web.addresses import client_address, network_of
from idp.web.throttle import Limit, Rule, throttle
from idp.wording import spoken

if TYPE_CHECKING:
    from flask import Response

bp = Blueprint("login_password_meter", __name__)

# Whoever chooses a password makes a pause in typing often; whoever wants to keep the server busy gets little of it.
ASKED: Final = Rule("password_meter", free=60, first_wait=timedelta(seconds=5), longest_wait=timedelta(minutes=1))
_NAMES: Final = ("username", "email", "name")


@bp.post("/password/strength")
@commits_in_steps
def judge() -> Response:
    """Judge the password that was sent; nothing of it is kept, and no log holds it.

    Raises:
        Blocked: this address asked too often.

    """
    throttle().reserve([Limit(ASKED, network_of(client_address()))], clock.utc_now())
    found = strength.judge(request.form.get("password", ""), names=_names())
    return jsonify(ok=found.ok, sentence=spoken(found.sentence))


def _names() -> list[str]:
    """Return the names that stand beside the password in its form, and those of whoever is signed in."""
    view = current_session()
    own = [view.username, view.email, view.name] if view else []
    return own + [request.form.get(name, "")[: strength.LONGEST] for name in _NAMES]
