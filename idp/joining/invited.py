"""The page of an invitation: who invited and to what, and the form that makes the account.

Opening the link changes nothing, so that a program that scans mail uses nothing up. The link itself stands in no page
but this one, in no log, and in no address that is sent elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import StringField

from idp import clock
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.errors import FieldErrors
from idp.interactions import store as interactions
from idp.invitations import inviting, store
from idp.invitations.signing_up import Wish
from idp.invitations.store import State
from idp.joining import asking, leading, making, with_passkey
from idp.login import halfway
from idp.login.actor import actor
from idp.login.browser import bind_browser, current_session
from idp.login.passkey_party import party
from idp.login.waiting import START
from idp.settings import Settings
from idp.vault import Vault
from idp.web import language
from idp.web.current import service
from idp.web.headers import pending_page
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from idp.invitations.models import Invitation
    from idp.joining.with_passkey import FirstPasskey
    from idp.wording import Sentence

bp = Blueprint("join", __name__)

_NOTHING: Mapping[str, str] = {}


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What somebody says of themselves; beside how they will sign in, nothing else that is sent is looked at."""

    name = StringField()
    username = StringField()


@bp.get("/join/<token>")
@commits_in_steps
def form(token: str) -> Response:
    """Show the invitation, and ask for what it still takes."""
    return _page(store.find(db.session(), token), token)


@bp.post("/join/<token>")
@commits_in_steps
def create(token: str) -> Response:
    """Make the account and sign it in; of several at once, one wins."""
    row = store.find(db.session(), token)
    if row is None or not row.email or _state(row) is not State.OPEN or _has_account(row):
        return _page(row, token)
    names = _names()
    errors = _faults(row, names)
    if errors:
        return _form_page(row, token, names, errors)
    waiting, fingerprint = leading.waiting_of(row), row.fingerprint
    next_address = leading.address_after(row, waiting)
    if not waiting.id:
        waiting = leading.waiting_on_app(row)
    end_reading()
    try:
        outcome = making.make_account(fingerprint, names, _chosen(), waiting)
    except making.Spent:
        return _page(store.find(db.session(), token), token)
    except FieldErrors as error:
        # If the address was taken a moment ago, the page says so by itself.
        row = store.find(db.session(), token)
        return _form_page(row, token, names, error.fields) if row and not _has_account(row) else _page(row, token)
    return halfway.answer(outcome, waiting, leads_to=next_address)


@bp.post("/join/<token>/passkey")
@commits_in_steps
def passkey(token: str) -> tuple[Response, int] | Response:
    """Return what the browser is to make instead of a password; 409 sends it to the page, which says why not."""
    row = store.find(db.session(), token)
    if row is None or not row.email or _state(row) is not State.OPEN or _has_account(row):
        return jsonify(error="ended"), 409
    try:
        with transaction() as session:
            asked = with_passkey.options(session, _names())
    except FieldErrors as error:
        return jsonify(error={name: spoken(fault) for name, fault in error.fields.items()}), 409
    return jsonify(asked) if asked else (jsonify(error="none"), 409)


@bp.post("/join/<token>/address")
@commits_in_steps
def give_address(token: str) -> Response:
    """Mail a link to the address that somebody gives who was invited without one."""
    row = store.find(db.session(), token)
    if row is None or row.email or _state(row) is not State.OPEN:
        return _page(row, token)
    email = request.form.get("email", "").strip()
    try:
        asking.ask(Wish(email, parent=row))
    except FieldErrors as faults:
        row = store.find(db.session(), token)
        return _page(row, token, email=email, errors=faults.fields)
    return make_response(
        render_template("join/sent.html", email=email, again=url_for("join.form", token=token), sign_in="")
    )


@bp.post("/join/<token>/accept")
@commits_in_steps
def accept(token: str) -> Response:
    """Take the invitation for the account that is signed in."""
    row = store.find(db.session(), token)
    if row is None or current_session() is None:
        return _see_other(url_for("join.form", token=token))
    return _accept(row) or _page(store.find(db.session(), token), token)


@bp.post("/join/<token>/sign-in")
@commits_in_steps
def sign_in(token: str) -> Response:
    """Sign in with the account that is there, and come back to take the invitation for it."""
    row = store.find(db.session(), token)
    if row is None or _state(row) is not State.OPEN:
        return _page(row, token)
    # The link itself is kept nowhere: its fingerprint is good in this browser alone, as long as the link is.
    kept = {"invitation": row.fingerprint, "login_hint": row.email}
    with transaction() as session:
        interaction = interactions.begin(
            session,
            resume_endpoint="join.resume",
            client_id=None,
            parameters=kept,
            browser=bind_browser(),
            now=clock.utc_now(),
        )
    return _see_other(url_for("login.index", interaction=interaction.id))


@bp.post("/join/<token>/ask")
@transaction()
def ask(token: str) -> str | Response:
    """Ask whoever invited for another link; the answer is the same however often."""
    session, now = db.session(), clock.utc_now()
    row = store.find(session, token)
    if row is None or _state(row) is State.OPEN or row.inviter_id is None:
        return _page(row, token)
    inviter = accounts.find(session, row.inviter_id)
    tongue = language.of_person(inviter.claims.get("locale") if inviter else None, is_here=False)
    inviting.ask_inviter(session, service(Vault), row, actor=actor(), now=now, language=tongue)
    return render_template("join/asked.html", inviter=row.inviter_name)


@bp.post("/join/<token>/again")
@commits_in_steps
def again(token: str) -> Response:
    """Mail another link to the address that somebody gave who signed up, in place of one that has run out."""
    row = store.find(db.session(), token)
    if row is None or not _may_ask_again(row):
        return _page(row, token)
    rules, email = service(Settings).sign_up, row.email
    try:
        wish = Wish(email, interaction_id=row.interaction_id, group_names=rules.groups)
        asking.ask(wish, domains=rules.domains if rules.mode == "domains" else None)
    except FieldErrors as faults:
        (fault,) = faults.fields.values()
        return _ended_page(store.find(db.session(), token), token, fault)
    page = render_template("join/sent.html", email=email, again=url_for("register.index"), sign_in="")
    return make_response(page)


@bp.get("/joining/<interaction>")
@commits_in_steps
def resume(interaction: str) -> Response:
    """Ask whether the invitation is for the account that has just been signed in to."""
    row = _row_of(interaction)
    if row is not None and current_session() is None:
        return _see_other(url_for("login.index", interaction=interaction))
    return _page(row, "", interaction=interaction)


@bp.post("/joining/<interaction>")
@commits_in_steps
def finish(interaction: str) -> Response:
    """Take the invitation for the account that was signed in to."""
    row = _row_of(interaction)
    if row is None or current_session() is None:
        return _see_other(url_for("join.resume", interaction=interaction))
    return _accept(row) or _page(_row_of(interaction), "", interaction=interaction)


@bp.get("/joining/<interaction>/app")
@commits_in_steps
def go_on(interaction: str) -> Response:
    """Go to the app of an invitation that was taken, once nothing more is asked for on the way."""
    with transaction() as session:
        found = interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    client_id = found.client_id if found.resume_endpoint == leading.ENDPOINT else None
    return _see_other((leading.start_of(client_id) if client_id else None) or START)


def _row_of(interaction: str) -> Invitation | None:
    with transaction() as session:
        found = interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    fingerprint = found.parameters.get("invitation") if found.resume_endpoint == "join.resume" else None
    return store.find_by_fingerprint(db.session(), fingerprint) if isinstance(fingerprint, str) else None


def _accept(row: Invitation) -> Response | None:
    """Take the invitation, and go on; nothing when it is spent."""
    view = current_session()
    if view is None:
        return None
    next_address = leading.address_after(row, leading.waiting_of(row))
    try:
        with transaction() as session:
            names = making.accept(session, row.fingerprint, view)
    except making.Spent:
        return None
    flash(spoken(_accepted(names)), "ok")
    return _see_other(next_address)


def _accepted(names: tuple[str, ...]) -> Sentence:
    if not names:
        return say("The invitation is accepted.")
    return say("You are in %(names)s now.", names=", ".join(names))


def _state(row: Invitation) -> State:
    """Return what became of it; nobody makes an account by themselves any more once that is closed."""
    closed = not making.is_for_accounts(row) and service(Settings).sign_up.mode == "invite"
    return State.REVOKED if closed else store.state_of(db.session(), row, clock.utc_now())


def _has_account(row: Invitation) -> bool:
    return accounts.find_by_login(db.session(), row.email) is not None


def _names() -> dict[str, str]:
    given = AccountForm()
    return {name: (given[name].data or "").strip() for name in ("username", "name")}


def _is_with_passkey() -> bool:
    return request.form.get("way") == "passkey"


def _chosen() -> str | FirstPasskey:
    """Return the hash of the password, or the passkey, that was sent; raises what ``with_passkey.check`` does."""
    if _is_with_passkey():
        return with_passkey.check(request.form.get("credential", ""), request.form.get("account", ""))
    return service(PasswordHasher).hash(request.form.get("password", ""))


def _faults(row: Invitation, names: Mapping[str, str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    try:
        if _is_with_passkey():
            with_passkey.check_names(db.session(), names)
            return {}
        accounts.check_names(dict(names))
    except FieldErrors as error:
        errors |= error.fields
    if _is_with_passkey():
        return errors
    fault = check_new_password(request.form.get("password", ""), names=(*names.values(), row.email))
    return errors | ({"password": fault} if fault else {})


def _page(
    row: Invitation | None,
    token: str,
    *,
    interaction: str = "",
    email: str = "",
    errors: Mapping[str, str] = _NOTHING,
) -> Response:
    """Return the page that the invitation is at."""
    if row is None or _state(row) is not State.OPEN:
        return _ended_page(row, token)
    pending_page()
    view = current_session()
    if view is not None and making.is_for_accounts(row) and "new" not in request.args:
        action = url_for("join.finish", interaction=interaction) if interaction else url_for("join.accept", token=token)
        other = url_for("join.form", token=token, new="1") if token and not (row.email and _has_account(row)) else ""
        page = render_template("join/accept.html", **_told(row), name=view.display_name, action=action, other=other)
        return make_response(page)
    if not row.email:
        action = url_for("join.give_address", token=token)
        page = render_template("join/address.html", **_told(row), action=action, email=email, errors=dict(errors))
        return make_response(page, 400 if errors else 200)
    if _has_account(row):
        return make_response(render_template("join/known.html", **_told(row), email=row.email, token=token))
    return _form_page(row, token, {"username": "", "name": ""}, {})


def _may_ask_again(row: Invitation) -> bool:
    """Tell whether a new link can be had without anybody: by whoever signed up by themselves, and came too late."""
    return _state(row) is State.EXPIRED and not making.is_for_accounts(row)


def _ended_page(row: Invitation | None, token: str, fault: str = "") -> Response:
    inviter = row.inviter_name if row is not None and row.inviter_id else ""
    page = render_template(
        "join/ended.html",
        state=_state(row).value if row is not None else "unknown",
        inviter=inviter,
        token=token if row is not None else "",
        may_ask_again=row is not None and _may_ask_again(row),
        fault=fault,
    )
    return make_response(page, 404 if row is None else 410)


def _form_page(row: Invitation, token: str, names: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    pending_page()
    page = render_template(
        "join/form.html",
        **_told(row),
        email=row.email,
        token=token,
        values=dict(names),
        errors=dict(errors),
        can_passkey=party() is not None,
        way=request.form.get("way", "") if request.method == "POST" else "",
    )
    return make_response(page, 400 if errors else 200)


def _told(row: Invitation) -> dict[str, object]:
    """Return what the pages tell of an invitation."""
    session = db.session()
    invited = making.is_for_accounts(row)
    return {
        "inviter": row.inviter_name if invited else "",
        "invited": invited,
        "message": row.message,
        "groups": inviting.group_names(session, row) if invited else (),
        "apps": [name for _, name in inviting.apps_of(session, row)],
        "expires_at": row.expires_at,
    }


def _see_other(where: str) -> Response:
    return make_response(redirect(where, code=303))
