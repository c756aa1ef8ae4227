"""``/verify``: tells a reverse proxy who sits in front of a browser, for pages that have no sign-in of their own.

The proxy asks with the browser's cookies before it lets a request pass (nginx: ``auth_request``; forward authentication
elsewhere). Nothing but the session cookie counts, nothing is changed, and the answer is a status with headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Blueprint, Response, request

from idp.accounts import groups
from idp.accounts.names import key_of
from idp.db import db
from idp.login import second_step
from idp.login.browser import current_session
from idp.login.browser_state import keep_to_ourselves
from idp.web.limits import answers_head

if TYPE_CHECKING:
    from collections.abc import Sequence

bp = Blueprint("login_verify", __name__)

# ASCII that can be seen, and the blank. Without the percent sign, so that what is escaped can be told from what is not.
_PLAIN = "".join(chr(code) for code in range(ord(" "), ord("~") + 1) if chr(code) != "%")


@bp.get("/verify")
@answers_head
def show() -> Response:
    """Answer 200 with who is signed in, 401 for nobody, 403 for somebody in none of the groups named by ``group``."""
    keep_to_ourselves()
    view = current_session()
    if view is None or second_step.is_too_weak(view):
        return _empty(401)
    names = groups.names_of(db.session(), view.person_id)
    wanted = {key_of(name) for name in request.args.getlist("group")}
    if wanted and wanted.isdisjoint(key_of(name) for name in names):
        return _empty(403)
    answer = _empty(200)
    answer.headers["Remote-User"] = header_safe(view.username)
    answer.headers["Remote-Email"] = header_safe(view.email)
    answer.headers["Remote-Name"] = header_safe(view.display_name)
    answer.headers["Remote-Groups"] = joined(names)
    return answer


def header_safe(value: str) -> str:
    """Return *value* as it can stand in a header: anything but visible ASCII, and ``%``, percent-encoded as UTF-8."""
    return quote(value, safe=_PLAIN)


def joined(names: Sequence[str]) -> str:
    """Return group names with commas between them; a comma within a name is percent-encoded."""
    return ",".join(quote(name, safe=_PLAIN.replace(",", "")) for name in names)


def _empty(status: int) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
