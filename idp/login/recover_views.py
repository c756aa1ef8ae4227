"""``/recover``: somebody who cannot sign in asks for a link, and chooses a new password where it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.db import commits_in_steps, db
from idp.errors import InteractionExpired, InteractionForeign
from idp.interactions import store as interactions
from idp.login import recovery
from idp.login.browser import browser_fingerprint
from idp.login.waiting import Waiting, find_waiting, waiting_for
from idp.settings import Settings
from idp.web.current import service
from idp.web.throttle import Blocked
from idp.wording import say

if TYPE_CHECKING:
    from flask import Response

    from idp.accounts.models import Person

bp = Blueprint("login_recover", __name__, url_prefix="/recover")

_MISSING = say("Enter your username or email address.")


@bp.get("")
@commits_in_steps
def index() -> str:
    """Ask whose account it is."""
    waiting = find_waiting()
    return _ask_page(waiting, waiting.login_hint, "")


@bp.post("")
@commits_in_steps
def ask() -> Response:
    """Send a link, if anybody has this name; the answer is the same if nobody has."""
    waiting = find_waiting()
    name = request.form.get("username", "").strip()
    if not name:
        return make_response(_ask_page(waiting, "", _MISSING), 400)
    try:
        recovery.ask(name, waiting)
    except Blocked as blocked:
        return _asked_page(waiting, name, blocked)
    return _asked_page(waiting, name)


@bp.get("/<token>")
@commits_in_steps
def show(token: str) -> Response:
    """Show the form of a new password. Looking uses nothing up: programs that scan mail open every link."""
    person = recovery.person_of(token)
    return _spent_page(token) if person is None else _new_password_page(person, token, "")


@bp.post("/<token>")
@commits_in_steps
def choose(token: str) -> Response:
    """Set the new password and lead to the sign-in page, where a second factor is asked for as ever."""
    person = recovery.person_of(token)
    if person is None:
        return _spent_page(token)
    chosen = request.form.get("new_password", "")
    fault = check_new_password(chosen, names=(person.username, person.email, person.name))
    if fault:
        return _new_password_page(person, token, fault)
    db.session.rollback()
    done = recovery.use(token, service(PasswordHasher).hash(chosen))
    if done is None:
        return _spent_page(token)
    where = url_for("login.index", interaction=_own(done.interaction), account=done.person_id, recovered="1")
    return make_response(redirect(where, code=303))


@bp.post("/<token>/again")
@commits_in_steps
def again(token: str) -> Response:
    """Send another link to whoever this one was for; the answer is the same for one that nobody knows."""
    name, interaction = recovery.name_behind(token)
    own = _own(interaction) if interaction else None
    try:
        recovery.ask(name, waiting_for(own) if own else Waiting())
    except Blocked as blocked:
        response = make_response(_again_page(blocked.retry_after or 1), blocked.status)
        response.headers["Retry-After"] = str(blocked.retry_after or 1)
        return response
    return make_response(_again_page(0))


def _again_page(wait: int) -> str:
    return render_template("login/recover_again.html", wait=wait, sends_mail=service(Settings).mail.is_set_up)


def _own(interaction: str) -> str | None:
    """Return *interaction* if it waits in this browser: the link may have been opened in another one."""
    try:
        found = interactions.load(db.session(), interaction, browser=browser_fingerprint(), now=clock.utc_now())
    except (InteractionExpired, InteractionForeign):
        return None
    finally:
        db.session.rollback()
    return found.id


def _ask_page(waiting: Waiting, username: str, fault: str) -> str:
    return render_template(
        "login/recover.html",
        waiting=waiting,
        action=url_for("login_recover.ask", interaction=waiting.id or None),
        username=username,
        errors=[("username", fault)] if fault else [],
        sends_mail=service(Settings).mail.is_set_up,
    )


def _asked_page(waiting: Waiting, username: str, blocked: Blocked | None = None) -> Response:
    wait = blocked.retry_after or 1 if blocked else 0
    page = render_template(
        "login/recover_asked.html",
        waiting=waiting,
        action=url_for("login_recover.ask", interaction=waiting.id or None),
        username=username,
        wait=wait,
        sends_mail=service(Settings).mail.is_set_up,
    )
    response = make_response(page, blocked.status if blocked else 200)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _new_password_page(person: Person, token: str, fault: str) -> Response:
    page = render_template(
        "login/recover_password.html",
        action=url_for("login_recover.choose", token=token),
        username=person.username,
        errors=[("new_password", fault)] if fault else [],
    )
    return make_response(page, 400 if fault else 200)


def _spent_page(token: str) -> Response:
    return make_response(render_template("login/recover_spent.html", token=token), 410)
