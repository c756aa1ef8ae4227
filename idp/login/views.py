"""The sign-in page, the page that asks for the password once more, and the way back from both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Flask, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from idp import clock
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher, cores
from idp.db import commits_in_steps, db, transaction
from idp.diagnosis import reasons
from idp.errors import InteractionExpired
from idp.interactions import store as interactions
from idp.login import halfway, passkey_sign_in, second_step, signing_in
from idp.login.browser import (
    bind_browser,
    browser_fingerprint,
    current_session,
)
from idp.login.guards import is_long_ago, is_own_path
from idp.login.refused import Refused
from idp.login.returning import checked_return, keep_return, named_return
from idp.login.waiting import find_waiting
from idp.sessions.known_people import KnownPerson, known_people
from idp.settings import Settings
from idp.web import error_pages
from idp.web.csrf import is_own_site
from idp.web.current import provide, service
from idp.web.headers import pending_page
from idp.web.limits import AT_WORK

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView

bp = Blueprint("login", __name__)

_OTHER = "other"
# One digit; the page suggests a way out long before.
_MOST_TRIES = 9
_SIGNING_IN = frozenset({"login.sign_in", "login_passkey.sign_in"})


@bp.get("/login")
@commits_in_steps
def index() -> Response:
    """Show the sign-in form; whoever has just signed in goes on at once."""
    back_to = named_return()
    if back_to is not None:
        return _see_other(_back(back_to))
    waiting = find_waiting()
    view = current_session()
    if view is not None and _goes_on(view, waiting):
        return _resume(waiting)
    hint = _chosen_name() if "account" in request.args else waiting.login_hint or (view.username if view else "")
    return sign_in_page(waiting, hint)


@bp.post("/login")
@commits_in_steps
def sign_in() -> Response:
    """Sign in, and go on with what waited."""
    waiting = find_waiting()
    name = request.form.get("username", "").strip()
    outcome = signing_in.sign_in(name, request.form.get("password", ""), waiting)
    if isinstance(outcome, Refused):
        return sign_in_page(waiting, name, outcome)
    return halfway.answer(outcome, waiting)


@bp.errorhandler(CSRFError)
def stale(error: CSRFError) -> Response:
    """Answer an old form: whoever signed in meanwhile, in another tab, goes on as if this one had been sent."""
    is_our_form = bool(request.form.get("csrf_token")) and is_own_site()
    if is_our_form and request.endpoint in _SIGNING_IN and current_session() is not None:
        interaction, account = request.args.get("interaction"), request.args.get("account")
        return _see_other(url_for("login.index", interaction=interaction, account=account))
    return error_pages.stale_form(error)


@bp.get("/reauth")
@commits_in_steps
def reauth() -> Response:
    """Ask the signed-in person for the password once more."""
    waiting = find_waiting()
    view = current_session()
    if view is None:
        return _to_sign_in(waiting)
    if is_long_ago(view):
        return reauth_page(view, waiting)
    if second_step.is_half_shown(view):
        # Who has just come in here without the second factor is asked for that alone.
        return _see_other(url_for("login_second.step_up", interaction=waiting.id or None))
    return _resume(waiting)


@bp.post("/reauth")
@commits_in_steps
def confirm() -> Response:
    """Note the fresh sign-in in the session, under a new cookie, and go back."""
    waiting = find_waiting()
    view = current_session()
    if view is None:
        return _to_sign_in(waiting)
    outcome = signing_in.confirm(view, request.form.get("password", ""), waiting)
    if isinstance(outcome, Refused):
        return reauth_page(view, waiting, outcome)
    return halfway.answer(outcome, waiting)


@bp.get("/login/continue/<interaction>")
@commits_in_steps
def resume_page(interaction: str) -> Response:
    """Go back to the page of this site, or of another server on this host, that asked for the sign-in."""
    with transaction() as session:
        found = interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    path, address = found.parameters.get("path"), found.parameters.get("address")
    is_page = found.resume_endpoint == "login.resume_page"
    if is_page and isinstance(address, str):
        return _see_other(checked_return(address))
    if not is_page or not isinstance(path, str) or not is_own_path(path):
        raise InteractionExpired(reasons.INTERACTION_EXPIRED.public, reason=reasons.INTERACTION_EXPIRED)
    return _see_other(path)


def _goes_on(view: SessionView, waiting: Waiting) -> bool:
    """Tell whether nothing is left to ask: no form for whoever signed in since the request was made."""
    if _wants_other() or request.args.get("again"):
        return False
    return waiting.created_at is None or waiting.is_own_page or view.auth_time >= waiting.created_at


def _back(address: str) -> str:
    """Return where whoever is to come back to *address* goes first: nowhere, where nothing is left to ask."""
    view = current_session()
    if view is None:
        return keep_return(address)
    return keep_return(address, "login_second.step_up") if second_step.is_too_weak(view) else address


def _wants_other() -> bool:
    """Tell whether somebody else than the one who is signed in is meant to sign in."""
    account, view = request.args.get("account"), current_session()
    return bool(account) and (view is None or view.person_id != account)


def _chosen_name() -> str:
    """Return the name of the account that was chosen, of those known in this browser."""
    account = request.args.get("account", _OTHER)
    if account == _OTHER:
        return ""
    return next((one.username for one in _known_people() if one.person_id == account), "")


def _known_people() -> list[KnownPerson]:
    return known_people(db.session(), browser_fingerprint(), clock.utc_now())


def _resume(waiting: Waiting) -> Response:
    return _see_other(waiting.resume_at)


def _to_sign_in(waiting: Waiting) -> Response:
    return _see_other(url_for("login.index", interaction=waiting.id or None))


def _see_other(where: str) -> Response:
    answer: AnyResponse = redirect(where, code=303)
    return make_response(answer)


def sign_in_page(waiting: Waiting, username: str, refused: Refused | None = None) -> Response:
    """Return the sign-in page, with why the last try was refused."""
    pending_page()
    view = current_session()
    page = render_template(
        "login/index.html",
        waiting=waiting,
        action=url_for("login.sign_in", interaction=waiting.id or None, account=request.args.get("account")),
        username=username,
        errors=list(refused.errors) if refused else [],
        signed_in_as=view.display_name if view else "",
        create_account=_create_account(waiting),
        is_late="expired" in request.args,
        tries=_tries(refused),
        known=[] if username or refused or "account" in request.args else _known_people(),
        is_recovered="recovered" in request.args,
        passkeys=passkey_sign_in.on_sign_in_page(waiting),
        unknown_passkey=refused.unknown_passkey if refused else "",
    )
    return _with_status(page, refused)


def _create_account(waiting: Waiting) -> str:
    is_open = service(Settings).sign_up.mode != "invite"
    return url_for("register.index", interaction=waiting.id or None) if is_open else ""


def _tries(refused: Refused | None) -> int:
    """Return how often this form was refused in a row, as far as it says so itself: it decides about a hint alone."""
    given = request.form.get("tries", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) == 1 else 0
    return min(before + 1, _MOST_TRIES) if refused is not None else 0


def reauth_page(view: SessionView, waiting: Waiting, refused: Refused | None = None) -> Response:
    """Return the page that asks again, with why the last try was refused."""
    pending_page()
    page = render_template(
        "login/reauth.html",
        waiting=waiting,
        action=url_for("login.confirm", interaction=waiting.id or None),
        username=view.username,
        errors=list(refused.errors) if refused else [],
        passkeys=passkey_sign_in.on_confirm_page(view, waiting),
        has_password=_has_password(view),
        unknown_passkey=refused.unknown_passkey if refused else "",
    )
    return _with_status(page, refused)


def _has_password(view: SessionView) -> bool:
    person = accounts.find(db.session(), view.person_id)
    return person is not None and person.password_hash is not None


def _with_status(page: str, refused: Refused | None) -> Response:
    response = make_response(page, refused.status if refused else 200)
    if refused is not None and refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def init_app(app: Flask) -> None:
    """Provide the one that hashes passwords."""
    with app.app_context():
        workers = service(Settings).workers
    provide(app, PasswordHasher(cores=cores(), workers=workers, threads=AT_WORK))
