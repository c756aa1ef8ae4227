"""``/email/<token>``: confirming an email address by the link that was sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.accounts import store
from idp.db import db, transaction
from idp.errors import FieldErrors
from idp.login import email_addresses
from idp.login.actor import acting, actor
from idp.login.browser import current_session
from idp.wording import say, spoken

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from idp.accounts.links import Link
    from idp.accounts.models import Person

bp = Blueprint("email_links", __name__, url_prefix="/email")


@bp.get("/<token>")
def show(token: str) -> str | tuple[str, int]:
    """Ask whether to do it; programs that look at every link in a mail press no button."""
    found = email_addresses.find(db.session(), token, clock.utc_now())
    person = store.find(db.session(), found.person_id or "") if found else None
    if found is None or person is None:
        return _gone()
    if _needs_sign_in(found, person):
        return render_template("login/email_link.html", state="sign_in", account=person, email=found.data["email"])
    return render_template(
        "login/email_link.html", state=found.purpose, token=token, account=person, email=found.data["email"]
    )


@bp.post("/<token>")
@transaction()
def confirm(token: str) -> str | tuple[str, int] | Response:
    """Do what the link is for."""
    session, now = db.session(), clock.utc_now()
    found = email_addresses.find(session, token, now)
    person = store.find(session, found.person_id or "") if found else None
    if found is None or person is None:
        return _gone()
    if _needs_sign_in(found, person):
        return redirect(url_for("email_links.show", token=token), 303)
    who = actor() if current_session() else acting(person.id, person.name or person.username)
    try:
        with session.begin_nested():
            done = email_addresses.confirm(session, token, actor=who, now=now)
    except FieldErrors:
        return render_template("login/email_link.html", state="taken", account=person, email=found.data["email"]), 409
    if done is None:
        return _gone()
    if current_session():
        flash(spoken(say("%(email)s is verified.", email=done.email)), "ok")
        return redirect(url_for("account_profile.index"), 303)
    return render_template("login/email_link.html", state="done", account=done, email=done.email)


def _needs_sign_in(found: Link, person: Person) -> bool:
    """Tell whether only the person may go on: a mistyped address must not give their account to whoever reads it."""
    view = current_session()
    return found.purpose == email_addresses.CHANGE and (view is None or view.person_id != person.id)


def _gone() -> tuple[str, int]:
    return render_template("login/email_link.html", state="gone"), 404
