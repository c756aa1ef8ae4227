"""Where the sign-in page, and the page that asks again, send what a passkey answered; and what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, make_response, redirect, request, url_for
from flask_wtf.csrf import CSRFError

from idp.db import commits_in_steps, transaction
from idp.errors import Forbidden, NotFound
from idp.login import halfway, passkey_attempts, passkey_sign_in, views
from idp.login.browser import current_session
from idp.login.methods import passkey
from idp.login.passkey_party import party
from idp.login.refused import Refused
from idp.login.waiting import find_waiting
from idp.wording import say

if TYPE_CHECKING:
    from idp.login.passkey_attempts import Expected

bp = Blueprint("login_passkey", __name__)
bp.register_error_handler(CSRFError, views.stale)


@bp.post("/login/passkey/options")
@commits_in_steps
def options() -> Response:
    """Return what the browser is to ask for at sign-in."""
    return _asked(passkey_sign_in.expected_at_sign_in(find_waiting()))


@bp.post("/login/passkey")
@commits_in_steps
def sign_in() -> Response:
    """Sign in with a passkey, and go on with what waited."""
    waiting = find_waiting()
    outcome = passkey_sign_in.sign_in(request.form.get("credential", ""), waiting)
    if isinstance(outcome, Refused):
        return views.sign_in_page(waiting, waiting.login_hint, outcome)
    return halfway.answer(outcome, waiting)


@bp.post("/reauth/passkey/options")
@commits_in_steps
def confirm_options() -> Response:
    """Return what the browser of somebody signed in is to ask for."""
    view = current_session()
    if view is None:
        message = say("Nobody is signed in here any more.")
        raise Forbidden(message)
    return _asked(passkey_sign_in.expected_at_confirm(view))


@bp.post("/reauth/passkey")
@commits_in_steps
def confirm() -> Response:
    """Note the fresh proof in the session, under a new cookie, and go back."""
    waiting = find_waiting()
    view = current_session()
    if view is None:
        return _see_other(url_for("login.index", interaction=waiting.id or None))
    outcome = passkey_sign_in.confirm(view, request.form.get("credential", ""), waiting)
    if isinstance(outcome, Refused):
        return views.reauth_page(view, waiting, outcome)
    return halfway.answer(outcome, waiting)


@bp.post("/login/verify/passkey/options")
@commits_in_steps
def second_options() -> Response:
    """Return what the browser of somebody who is half signed in is to ask for."""
    half = halfway.current(find_waiting())
    if half is None:
        message = say("This sign-in is over. Begin it once more.")
        raise Forbidden(message)
    return _asked(passkey.expected(half))


def _asked(expected: Expected) -> Response:
    ours = party()
    if ours is None:
        message = say("Passkeys need a server that is reached by a name.")
        raise NotFound(message)
    with transaction() as session:
        return jsonify(passkey_attempts.ask(session, expected, ours))


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
