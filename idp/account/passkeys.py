"""A person's passkeys: add, rename, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for

from idp import clock
from idp.account.ended import told
from idp.accounts import store as accounts
from idp.audit.declared import Change
from idp.audit.log import record
from idp.audit.passkey_events import PasskeyRemoved, PasskeyRenamed
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors, NotFound
from idp.login import passkey_adding, passkey_notices
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required, needs_reauth, recent_sign_in
from idp.login.passkey_adding import NotAdded
from idp.passkeys import providers, store
from idp.sessions import store as sessions
from idp.wording import say, spoken

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.passkeys.models import Passkey

bp = Blueprint("account_passkeys", __name__, url_prefix="/account/passkeys")


@bp.get("/new")
@recent_sign_in
def new() -> str:
    """Say what a passkey is, and offer to make one."""
    return _new_page()


@bp.post("/options")
@login_required
@transaction()
def options() -> Response | tuple[Response, int]:
    """Return what the browser is to make; 403 tells the page to ask for a recent sign-in first."""
    if needs_reauth():
        return jsonify(error="reauth"), 403
    asked = passkey_adding.options(db.session(), signed_in(), is_quiet=request.form.get("quiet") == "1")
    if asked is None:
        message = say("Passkeys need a server that is reached by a name.")
        raise NotFound(message)
    return jsonify(asked)


@bp.post("/new")
@recent_sign_in
@commits_in_steps
def create() -> Response | tuple[str, int]:
    """Keep the passkey that the browser made."""
    outcome = passkey_adding.add(signed_in(), request.form.get("credential", ""), is_quiet=False, ends_others=True)
    if isinstance(outcome, NotAdded):
        return _new_page(outcome.sentence), 400
    added = say("“%(passkey)s” is added. %(ended)s", passkey=outcome.passkey.name, ended=told(outcome.sessions))
    flash(spoken(added), "ok")
    return _back()


@bp.get("/<passkey_id>/rename")
@login_required
def name(passkey_id: str) -> str:
    """Show the form of another name."""
    passkey = _found(db.session(), passkey_id)
    return render_template("account/passkeys/rename.html", passkey=passkey, name=passkey.name, error="")


@bp.post("/<passkey_id>/rename")
@login_required
@transaction()
def rename(passkey_id: str) -> Response | tuple[str, int]:
    """Call a passkey something else."""
    session, view = db.session(), signed_in()
    passkey = _found(session, passkey_id)
    before, chosen = passkey.name, request.form.get("name", "")
    try:
        store.rename(session, passkey, chosen)
    except FieldErrors as error:
        fault = error.fields["name"]
        return render_template("account/passkeys/rename.html", passkey=passkey, name=chosen, error=fault), 400
    if passkey.name != before:
        event = PasskeyRenamed(
            target_id=view.person_id,
            target_name=view.username,
            passkey_id=passkey.id,
            changes=(Change("name", before, passkey.name),),
        )
        record(session, event, now=clock.utc_now(), actor=actor())
        flash(spoken(say("The passkey has its new name.")), "ok")
    return _back()


@bp.get("/<passkey_id>/remove")
@recent_sign_in
def confirm(passkey_id: str) -> str:
    """Say what removing a passkey means, or why it cannot be removed."""
    return _remove_page(_found(db.session(), passkey_id))


@bp.post("/<passkey_id>/remove")
@recent_sign_in
@transaction()
def remove(passkey_id: str) -> Response | tuple[str, int]:
    """Forget a passkey, unless nothing else would be left to sign in with."""
    session, view, now = db.session(), signed_in(), clock.utc_now()
    # Locked, so that of two removals at once the second sees what the first has left.
    person = accounts.find(session, view.person_id, lock=True)
    passkey = _found(session, passkey_id)
    if person is None or _is_last_way(session):
        return _remove_page(passkey), 400
    store.remove(session, passkey)
    ended, grants = passkey_adding.end_others(session, view)
    event = PasskeyRemoved(
        target_id=view.person_id,
        target_name=view.username,
        passkey_id=passkey.id,
        name=passkey.name,
        sessions=ended,
        grants=grants,
    )
    record(session, event, now=now, actor=actor())
    passkey_notices.tell_removed(session, person, passkey.name, by_administrator=False, now=now)
    removed = say(
        "“%(passkey)s” is removed. Delete it in your password manager, too. %(ended)s",
        passkey=passkey.name,
        ended=told(ended),
    )
    flash(spoken(removed), "ok")
    return _back()


def _found(session: Session, passkey_id: str) -> Passkey:
    passkey = store.find(session, signed_in().person_id, passkey_id)
    if passkey is None:
        message = say("You have no such passkey any more.")
        raise NotFound(message)
    return passkey


def _is_last_way(session: Session) -> bool:
    """Tell whether nothing would be left to sign in with: no password, and no other passkey."""
    person_id = signed_in().person_id
    person = accounts.find(session, person_id)
    return (person is None or person.password_hash is None) and store.count_of(session, person_id) <= 1


def _new_page(error: str = "") -> str:
    return render_template("account/passkeys/new.html", others=_others(), error=error)


def _remove_page(passkey: Passkey) -> str:
    return render_template(
        "account/passkeys/remove.html",
        passkey=passkey,
        provider=providers.provider_of(passkey.aaguid),
        is_last=_is_last_way(db.session()),
        others=_others(),
    )


def _others() -> int:
    view = signed_in()
    return sum(1 for one in sessions.live(db.session(), view.person_id, clock.utc_now()) if one.id != view.id)


def _back() -> Response:
    if signed_in().securing:
        # Whoever secures their account goes on there.
        return redirect(url_for("account_secure.steps"), 303)
    return redirect(url_for("account_security.index", _anchor="passkeys"), 303)
