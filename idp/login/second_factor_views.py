"""``/login/verify``: the page that asks for the second factor, and how a session that lacks one comes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from idp import clock
from idp.accounts import store as accounts
from idp.db import commits_in_steps, db, transaction
from idp.errors import NotFound
from idp.interactions import store as interactions
from idp.login import halfway, second_factor, second_step
from idp.login.browser import bind_browser, current_session
from idp.login.factor import factors_of
from idp.login.guards import needs_reauth
from idp.login.refused import Refused
from idp.login.waiting import find_waiting
from idp.settings import Settings
from idp.web import error_pages
from idp.web.csrf import is_own_site
from idp.web.current import service
from idp.web.headers import pending_page
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.login.factor import Factor
    from idp.login.waiting import Waiting
    from idp.sessions.models import PendingSignIn

bp = Blueprint("login_second", __name__)


@bp.get("/login/verify")
@commits_in_steps
def index() -> Response:
    """Ask for the second factor: the best one that the person has, or the one that was chosen."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None:
        return halfway.start_over(waiting)
    if half.outstanding[0] != second_step.SECOND_FACTOR:
        return _see_other(halfway.address(half.outstanding[0], waiting))
    return _page(half, waiting)


@bp.post("/login/verify")
@commits_in_steps
def verify() -> Response:
    """Take the answer, and go on with what waited."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None:
        return halfway.start_over(waiting)
    if half.outstanding[0] != second_step.SECOND_FACTOR:
        return _see_other(halfway.address(half.outstanding[0], waiting))
    factor = _chosen(_factors(half))
    if factor is None:
        return halfway.start_over(waiting)
    outcome = second_factor.answer(half, factor, waiting)
    if isinstance(outcome, Refused):
        again = halfway.current(waiting)
        return halfway.start_over(waiting) if again is None else _page(again, waiting, outcome)
    return halfway.start_over(waiting) if outcome is None else halfway.answer(outcome, waiting)


@bp.post("/login/verify/send")
@commits_in_steps
def send() -> Response:
    """Mail a code to whoever chose that way; another one no sooner than a minute later."""
    waiting = find_waiting()
    half = halfway.current(waiting)
    if half is None or half.outstanding[0] != second_step.SECOND_FACTOR:
        return halfway.start_over(waiting)
    factor = next((one for one in _factors(half) if one.name == "email_code"), None)
    if factor is None:
        return halfway.start_over(waiting)
    refused = second_factor.send_code(half.person_id, half.id)
    return _page(half, waiting, refused, factor) if refused else _see_other(_address(factor, waiting))


@bp.get("/login/step-up")
@commits_in_steps
def step_up() -> Response:
    """Lead whoever is signed in to the second factor alone; who has none to set one up, after a recent sign-in."""
    waiting = find_waiting()
    view = current_session()
    person = accounts.find(db.session(), view.person_id) if view is not None else None
    if view is None or person is None:
        return _see_other(url_for("login.index", interaction=waiting.id or None))
    steps = second_step.raising(db.session(), person)
    if second_step.ENROL in steps and needs_reauth():
        return _see_other(url_for("login.index", interaction=waiting.id or None, again="1"))
    with transaction() as session:
        locked = accounts.find(session, view.person_id, lock=True)
        if locked is None:
            raise NotFound(say("This account is gone."))
        outcome = halfway.raise_level(session, view, locked, waiting, steps)
    return halfway.answer(outcome, waiting)


@bp.post("/login/step-up/decline")
@commits_in_steps
def decline() -> Response:
    """Go back to the app without what it asked for: it is told that, and decides."""
    waiting = find_waiting()
    view = current_session()
    if view is not None and waiting.client is not None:
        now = clock.utc_now()
        with transaction() as session:
            found = interactions.load(session, waiting.id, browser=bind_browser(), now=now)
            interactions.denied(session, found, view.person_id, now)
    return _see_other(waiting.resume_at)


@bp.errorhandler(CSRFError)
def stale(error: CSRFError) -> Response:
    """Answer an old form: whoever signed in meanwhile, in another tab, goes on as if this one had been sent."""
    if request.form.get("csrf_token") and is_own_site():
        return _see_other(url_for("login_second.index", interaction=request.args.get("interaction")))
    return error_pages.stale_form(error)


def _factors(half: PendingSignIn) -> Sequence[Factor]:
    person = accounts.find(db.session(), half.person_id)
    return factors_of(db.session(), person, half) if person is not None else ()


def _chosen(choices: Sequence[Factor]) -> Factor | None:
    """Return the factor that the address names, else the best."""
    named = request.args.get("by", "")
    return next((one for one in choices if one.name == named), choices[0] if choices else None)


def _page(
    half: PendingSignIn, waiting: Waiting, refused: Refused | None = None, factor: Factor | None = None
) -> Response:
    person = accounts.find(db.session(), half.person_id)
    choices = _factors(half)
    factor = factor or _chosen(choices)
    if factor is None or person is None:
        # Taken away meanwhile, by an administrator perhaps.
        return halfway.start_over(waiting)
    pending_page()
    page = render_template(
        "login/verify.html",
        waiting=waiting,
        username=person.username,
        factor=factor,
        others=[(one, _address(one, waiting)) for one in choices if one is not factor],
        action=_address(factor, waiting),
        decline=halfway.decline_address(half, waiting),
        back=url_for("login.index", interaction=waiting.id or None, again="1"),
        errors=list(refused.errors) if refused else [],
        send=url_for("login_second.send", interaction=waiting.id or None) if factor.name == "email_code" else "",
        is_hinted=half.failures >= second_factor.HINT_AFTER,
        remember=_days() if not half.session_id else 0,
        **factor.shows(db.session(), person, half),
    )
    response = make_response(page, refused.status if refused else 200)
    if refused is not None and refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _address(factor: Factor, waiting: Waiting) -> str:
    return url_for("login_second.index", interaction=waiting.id or None, by=factor.name)


def _days() -> int:
    return service(Settings).sign_in.remember.days


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
