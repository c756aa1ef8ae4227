"""``/email/<token>``: confirming an email address by the link that was sent to it.

Whoever has to sign in first comes back to the link. Meanwhile it waits encrypted: in clear it stands in the mail and in
its own address, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.accounts import store
from idp.db import commits_in_steps, db, transaction
from idp.diagnosis import reasons
from idp.errors import FieldErrors, InteractionExpired
from idp.interactions import store as interactions
from idp.login import email_addresses
from idp.login.actor import acting, actor
from idp.login.browser import bind_browser, current_session
from idp.vault import Vault, VaultError
from idp.web.current import service
from idp.wording import say, spoken

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from idp.accounts.links import Link
    from idp.accounts.models import Person

bp = Blueprint("email_links", __name__, url_prefix="/email")

_RESUME: Final = "email_links.resume"
# What the encrypted link is bound to.
_PLACE: Final = "interactions/parameters/email_link"


@bp.get("/<token>")
def show(token: str) -> str | tuple[str, int]:
    """Ask whether to do it; programs that look at every link in a mail press no button."""
    found = email_addresses.find(db.session(), token, clock.utc_now())
    person = store.find(db.session(), found.person_id or "") if found else None
    if found is None or person is None:
        return _gone()
    if _needs_sign_in(found, person):
        return render_template(
            "login/email_link.html", state="sign_in", token=token, account=person, email=found.data["email"]
        )
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


@bp.post("/<token>/sign-in")
@commits_in_steps
def sign_in(token: str) -> str | tuple[str, int] | Response:
    """Sign in with the account that the link is for, whoever is signed in now, and come back to it."""
    now = clock.utc_now()
    found = email_addresses.find(db.session(), token, now)
    person = store.find(db.session(), found.person_id or "") if found else None
    if person is None:
        return _gone()
    browser = bind_browser()
    kept = {"link": service(Vault).encrypt(token.encode(), place=_PLACE), "login_hint": person.username}
    with transaction() as session:
        waiting = interactions.begin(
            session, resume_endpoint=_RESUME, client_id=None, parameters=kept, browser=browser, now=now
        )
    return redirect(url_for("login.index", interaction=waiting.id, again="1"), 303)


@bp.get("/resume/<interaction>")
@commits_in_steps
def resume(interaction: str) -> Response:
    """Go back to the link that asked for the sign-in."""
    with transaction() as session:
        found = interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    link = found.parameters.get("link") if found.resume_endpoint == _RESUME else None
    try:
        token = service(Vault).decrypt(str(link), place=_PLACE).decode()
    except VaultError:
        raise InteractionExpired(reasons.INTERACTION_EXPIRED.public, reason=reasons.INTERACTION_EXPIRED) from None
    return redirect(url_for("email_links.show", token=token), 303)


def _needs_sign_in(found: Link, person: Person) -> bool:
    """Tell whether only the person may go on: a mistyped address must not give their account to whoever reads it."""
    view = current_session()
    return found.purpose == email_addresses.CHANGE and (view is None or view.person_id != person.id)


def _gone() -> tuple[str, int]:
    view = current_session()
    may_ask = view is not None and not view.email_verified
    return render_template("login/email_link.html", state="gone", may_ask=may_ask), 404
