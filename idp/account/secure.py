"""“This wasn't me”: one way through everything that keeps somebody else out of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField

from idp import clock, registry
from idp.account import activity, lockdown
from idp.accounts import store
from idp.db import db, transaction
from idp.errors import NotFound
from idp.login import notices
from idp.login.actor import actor
from idp.login.browser import bind_browser, forget_loaded_session, signed_in
from idp.login.guards import login_required, recent_sign_in
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Response

    from idp.account.lockdown import Lockdown
    from idp.account.way import Held, Way
    from idp.audit.models import AuditEvent

bp = Blueprint("account_secure", __name__, url_prefix="/account/secure")

_PASSWORD_CHANGED = "password.changed"


class SecureForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What shall end beside the other sessions."""

    apps = BooleanField()
    devices = BooleanField()


@bp.get("")
@login_required
@recent_sign_in
def index() -> str:
    """Say what securing the account does; ``event`` names the entry of the activity that was not the person."""
    session, view, now = db.session(), signed_in(), clock.utc_now()
    event = _event()
    return render_template(
        "account/secure/index.html",
        reach=lockdown.reach(session, view, now),
        event=activity.lines_of(session, [event], view.person_id)[0] if event else None,
    )


@bp.post("")
@login_required
@recent_sign_in
@transaction()
def begin() -> Response:
    """Sign out everywhere else, end what was chosen, tell the person, and go on to what only they can do."""
    form, view, session, now = SecureForm(), signed_in(), db.session(), clock.utc_now()
    choices = lockdown.Choices(apps=bool(form.apps.data), devices=bool(form.devices.data), event=_event())
    lockdown.begin(session, view, choices, browser=bind_browser(), actor=actor(), now=now)
    person = store.find(session, view.person_id)
    if person is not None:
        # Whoever holds a session can do this; the person hears of it, wherever they are.
        notices.tell(session, person, "account_locked_down", now=now, apps=choices.apps)
    forget_loaded_session()
    return redirect(url_for("account_secure.steps"), 303)


@bp.get("/steps")
@login_required
def steps() -> Response | str:
    """Show what is done, and what is left to do; each may be left out."""
    view = signed_in()
    found = _under_way()
    if found is None:
        return redirect(url_for("account_secure.index"), 303)
    person = store.find(db.session(), view.person_id)
    return render_template(
        "account/secure/steps.html",
        lockdown=found,
        has_password=person is not None and person.password_hash is not None,
        password_changed=any(entry.type == _PASSWORD_CHANGED for entry in _done(found)),
        held=_held(),
        email=view.email,
        is_email_verified=view.email_verified,
    )


@bp.post("/finish")
@login_required
@transaction()
def finish() -> Response:
    """End the way through, and show what was done."""
    view = signed_in()
    found = _under_way()
    if found is None:
        flash(spoken(say("Your account is not being secured at the moment.")), "info")
        return redirect(url_for("account_security.index"), 303)
    lockdown.finish(db.session(), view)
    return redirect(url_for("account_secure.done", entry_id=found.entry_id), 303)


@bp.get("/done/<entry_id>")
@login_required
def done(entry_id: str) -> str:
    """Show what was done, and what was not."""
    session, view = db.session(), signed_in()
    found = lockdown.find(session, entry_id, view.person_id)
    if found is None:
        raise NotFound(say("There is nothing to show here. Your activity lists what happened in your account."))
    events = _done(found)
    return render_template(
        "account/secure/done.html",
        lockdown=found,
        lines=activity.lines_of(session, events, view.person_id),
        password_changed=any(entry.type == _PASSWORD_CHANGED for entry in events),
    )


def _event() -> AuditEvent | None:
    return activity.find(db.session(), request.args.get("event", ""), signed_in().person_id, clock.utc_now())


def _under_way() -> Lockdown | None:
    view = signed_in()
    return lockdown.find(db.session(), view.securing, view.person_id) if view.securing else None


def _done(found: Lockdown) -> Sequence[AuditEvent]:
    return lockdown.done_since(db.session(), found, signed_in().person_id)


def _held() -> list[Held]:
    """Return what the person signs in with, beside the password, the newest first."""
    view = signed_in()
    ways: list[Way] = [module.WAY for module in registry.modules_in("idp.account.ways")]
    held = [one for way in sorted(ways, key=lambda way: way.order) if way.held for one in way.held(view)]
    return sorted(held, key=lambda one: one.added_at, reverse=True)
