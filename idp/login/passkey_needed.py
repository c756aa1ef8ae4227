"""``/login/passkey/needed``: the first passkey of whoever is on the way to an app that lets nobody in without one.

Adding it proves nothing yet: the next step asks for it, and only then the app is told of it.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp.accounts import store as accounts
from idp.db import commits_in_steps, db
from idp.login import passkey_adding, second_step
from idp.login.browser import current_session
from idp.login.guards import is_long_ago
from idp.login.passkey_adding import NotAdded
from idp.login.waiting import Waiting, find_waiting
from idp.passkeys import store
from idp.web.headers import pending_page

bp = Blueprint("login_passkey_needed", __name__)


@bp.get("/login/passkey/needed")
@commits_in_steps
def show() -> Response:
    """Say what the app asks for, and offer to add it or to go back."""
    waiting = find_waiting()
    elsewhere = _elsewhere(waiting)
    return _page(waiting) if elsewhere is None else _see_other(elsewhere)


@bp.post("/login/passkey/needed")
@commits_in_steps
def add() -> Response:
    """Keep the passkey, and go on with what waited: there it is asked for."""
    waiting = find_waiting()
    elsewhere, view = _elsewhere(waiting), current_session()
    if elsewhere is not None or view is None:
        return _see_other(elsewhere or waiting.resume_at)
    # As after a sign-in, nobody is signed out elsewhere: it is a part of signing in.
    outcome = passkey_adding.add(view, request.form.get("credential", ""), is_quiet=False, ends_others=False)
    return _page(waiting, outcome) if isinstance(outcome, NotAdded) else _see_other(waiting.resume_at)


def _elsewhere(waiting: Waiting) -> str | None:
    """Return the page to be at first; nothing for whoever may add a passkey now."""
    session, view = db.session(), current_session()
    person = accounts.find(session, view.person_id) if view is not None else None
    if waiting.client is None:
        return waiting.resume_at
    if view is None or person is None:
        return url_for("login.index", interaction=waiting.id)
    if store.count_of(session, person.id):
        # Added in another tab, perhaps.
        return waiting.resume_at
    if is_long_ago(view):
        return url_for("login.index", interaction=waiting.id, again="1")
    # A password alone adds no way around the second factor.
    return url_for("login_second.step_up", interaction=waiting.id) if second_step.is_half_shown(view) else None


def _page(waiting: Waiting, refused: NotAdded | None = None) -> Response:
    pending_page()
    page = render_template(
        "login/passkey_needed.html",
        waiting=waiting,
        action=url_for("login_passkey_needed.add", interaction=waiting.id),
        decline=url_for("login_second.decline", interaction=waiting.id),
        error=refused.sentence if refused else "",
    )
    return make_response(page, 400 if refused else 200)


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
