"""The receipt of a sign-out: what became of the apps, and on to the one that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for

from idp import clock
from idp.db import db
from idp.deliveries import sign_outs
from idp.diagnosis import reasons
from idp.errors import NotFound
from idp.oidc import clients, receipts
from idp.web import headers
from idp.wording import say

if TYPE_CHECKING:
    from idp.deliveries.models import SignOut
    from idp.oidc.receipts import AppLine, Frame

bp = Blueprint("oidc_signed_out", __name__)

# After the first look a moment for what goes at once, then for about a minute.
_FIRST_SECONDS: Final = 2
_SECONDS: Final = 5
_MOST_LOOKS: Final = 12


@bp.get("/logout/done/<receipt>")
def show(receipt: str) -> Response:
    """Say what became of each app, and have the browser tell those that only it can tell.

    The page looks again by itself while something is pending. Where it leads to an app, it goes on instead.

    Raises:
        NotFound: there is no such receipt any more.

    """
    row = sign_outs.find(db.session(), receipt, clock.utc_now())
    if row is None:
        raise NotFound(say("You signed out more than a day ago, or this address is not complete."))
    look = _look()
    apps = receipts.lines(db.session(), row)
    framed = receipts.frames(row) if look == 0 else []
    headers.frames(frame.origin for frame in framed)
    response = make_response(_page(row, apps, framed, _again(receipt, 1)))
    if not row.continues_itself and look < _MOST_LOOKS and any(app.is_pending for app in apps):
        again = _again(receipt, look + 1)
        # As <meta http-equiv="refresh"> would, without a word in the page.
        response.headers["Refresh"] = f"{_SECONDS if look else _FIRST_SECONDS}; url={again}"
    return response


def _page(row: SignOut, apps: list[AppLine], framed: list[Frame], again: str) -> str:
    client = clients.find(row.client_id) if row.client_id else None
    return render_template(
        "oidc/signed_out.html",
        client_name=client.name if client else None,
        link=row.continue_to,
        continues=row.continues_itself,
        reason=reasons.BY_CODE.get(row.fault) if row.fault else None,
        signed_out_at=row.created_at,
        apps=apps,
        again=again,
        frames=framed,
        kept_id=row.request_id,
    )


def _again(receipt: str, look: int) -> str:
    tags = request.args.get("ui_locales")
    return url_for("oidc_signed_out.show", receipt=receipt, look=look, ui_locales=tags)


def _look() -> int:
    text = request.args.get("look", "")
    return min(int(text), _MOST_LOOKS) if text.isascii() and text.isdigit() and len(text) <= 2 else 0  # noqa: PLR2004 - two digits
