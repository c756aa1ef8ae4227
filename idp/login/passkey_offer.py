"""After signing in with a password: the offer to do so with a passkey from now on, once in thirty days.

Only a browser whose script said that it can make one sees the page; "Not now" leads on at once.
"""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp.db import commits_in_steps
from idp.login import passkey_adding
from idp.login.browser import current_session
from idp.login.guards import needs_reauth
from idp.login.passkey_adding import NotAdded
from idp.login.waiting import Waiting, find_waiting
from idp.web.headers import pending_page
from idp.wording import say, spoken

bp = Blueprint("login_passkey_offer", __name__)


@bp.get("/login/passkey/offer")
@commits_in_steps
def show() -> Response:
    """Offer a passkey."""
    waiting = find_waiting()
    return _page(waiting) if _may_add() else _see_other(waiting.resume_at)


@bp.post("/login/passkey/offer")
@commits_in_steps
def add() -> Response:
    """Keep the passkey, and go on with what waited."""
    waiting = find_waiting()
    view = current_session()
    if view is None or not _may_add():
        return _see_other(waiting.resume_at)
    is_quiet = request.form.get("quiet") == "1"
    # Elsewhere nobody is signed out: this is a part of signing in, not a change to the account that somebody made.
    outcome = passkey_adding.add(view, request.form.get("credential", ""), is_quiet=is_quiet, ends_others=False)
    if isinstance(outcome, NotAdded):
        return _page(waiting, outcome)
    if not waiting.id:
        flash(spoken(say("Your passkey is saved. Next time, sign in with it.")), "ok")
    return _see_other(waiting.resume_at)


def _may_add() -> bool:
    return current_session() is not None and not needs_reauth()


def _page(waiting: Waiting, refused: NotAdded | None = None) -> Response:
    pending_page()
    page = render_template(
        "login/passkey_offer.html",
        waiting=waiting,
        action=url_for("login_passkey_offer.add", interaction=waiting.id or None),
        error=refused.sentence if refused else "",
    )
    return make_response(page, 400 if refused else 200)


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
