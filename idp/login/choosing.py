"""The account chooser: with whom, of the people known in this browser, a waiting request goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.db import commits_in_steps, db, transaction
from idp.interactions import store as interactions
from idp.login.browser import bind_browser, browser_fingerprint, current_session
from idp.login.waiting import find_waiting
from idp.sessions.known_people import KnownPerson, forget_person, known_people
from idp.web.headers import pending_page

if TYPE_CHECKING:
    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView

bp = Blueprint("login_choosing", __name__)


@bp.get("/select")
@commits_in_steps
def index() -> Response:
    """Show the accounts; where none is known, there is nothing to choose, and the sign-in form comes at once."""
    waiting = find_waiting()
    accounts = _accounts(current_session())
    if not accounts:
        return _see_other(url_for("login.index", interaction=waiting.id or None))
    pending_page()
    view = current_session()
    page = render_template(
        "login/select.html",
        waiting=waiting,
        accounts=accounts,
        signed_in=view.person_id if view else "",
        action=url_for("login_choosing.choose", interaction=waiting.id or None),
        forget_action=url_for("login_choosing.forget", interaction=waiting.id or None),
        other_account=url_for("login.index", interaction=waiting.id or None, account="other"),
    )
    return make_response(page)


@bp.post("/select")
@commits_in_steps
def choose() -> Response:
    """Go on with the account that was chosen: at once when it is signed in, else by the form with its name in it."""
    waiting = find_waiting()
    view, chosen = current_session(), request.form.get("account", "")
    if view is not None and chosen == view.person_id:
        _note_choice(waiting, chosen)
        return _see_other(waiting.resume_at)
    known = chosen if chosen in {account.person_id for account in _accounts(view)} else "other"
    return _see_other(url_for("login.index", interaction=waiting.id or None, account=known))


@bp.post("/select/forget")
@commits_in_steps
def forget() -> Response:
    """Take an account that is not signed in off the list of this browser."""
    waiting = find_waiting()
    browser, view, person_id = browser_fingerprint(), current_session(), request.form.get("account", "")
    if browser is not None and (view is None or view.person_id != person_id):
        with transaction() as session:
            forget_person(session, browser, person_id)
    return _see_other(url_for("login_choosing.index", interaction=waiting.id or None))


def _accounts(view: SessionView | None) -> list[KnownPerson]:
    """Return who is signed in, then who was signed in here before."""
    found = known_people(db.session(), browser_fingerprint(), clock.utc_now())
    if view is None:
        return found
    here = KnownPerson(view.person_id, view.username, view.name, view.auth_time)
    return [here, *(one for one in found if one.person_id != view.person_id)]


def _note_choice(waiting: Waiting, person_id: str) -> None:
    if not waiting.id:
        return
    with transaction() as session:
        found = interactions.load(session, waiting.id, browser=bind_browser(), now=clock.utc_now())
        interactions.chose(session, found, person_id)


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
