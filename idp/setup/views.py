"""The first administrator: one screen behind a one-time link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField

from idp import clock
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.audit import events
from idp.audit.log import record
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors
from idp.login.actor import acting
from idp.login.browser import bind_browser, forget_forms, set_session_cookie
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.setup import links
from idp.web.addresses import client_address
from idp.web.current import service

if TYPE_CHECKING:
    from flask import Response
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

bp = Blueprint("setup", __name__)


class AdministratorForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Who the first administrator is."""

    name = StringField()
    username = StringField()
    email = EmailField()
    password = PasswordField()


@bp.get("/setup")
def index() -> str | tuple[str, int]:
    """Say where the link is, and let nobody in."""
    return _explain("missing")


@bp.get("/setup/<token>")
def form(token: str) -> str | tuple[str, int]:
    """Show the form, to whoever holds the link."""
    if not links.is_open(db.session(), token, clock.utc_now()):
        return _explain("spent")
    return _show(AdministratorForm(), token, {})


@bp.post("/setup/<token>")
@commits_in_steps
def create(token: str) -> str | tuple[str, int] | Response:
    """Make the administrator and sign them in; of several at once, one wins."""
    given = AdministratorForm()
    if not links.is_open(db.session(), token, clock.utc_now()):
        return _explain("spent")
    db.session.rollback()
    fault = check_new_password(given.password.data or "", names=_names(given))
    if fault is not None:
        return _show(given, token, {"password": fault}), 400
    password_hash = service(PasswordHasher).hash(given.password.data or "")
    try:
        cookie = _make(token, given, password_hash)
    except FieldErrors as error:
        return _show(given, token, dict(error.fields)), 400
    if cookie is None:
        return _explain("spent")
    answer = make_response(redirect(url_for("admin_clients.index"), 303))
    forget_forms()
    set_session_cookie(answer, cookie)
    return answer


def _make(token: str, given: AdministratorForm, password_hash: str) -> str | None:
    """Use the link up and return the cookie of the new session; ``None`` when somebody else was faster."""
    browser = bind_browser()
    with transaction() as session:
        now = clock.utc_now()
        # One savepoint: a name that cannot be taken leaves the link as it was.
        with session.begin_nested():
            if not links.consume(session, token, now) or accounts.admin_count(session):
                return None
            person = _add(session, given, password_hash)
        record(
            session,
            events.SetupCompleted(target_id=person.id, target_name=person.username),
            now=now,
            actor=acting(person.id, person.name or person.username),
        )
        sessions.remember_device(session, browser, person.id, now)
        accounts.note_sign_in(session, person, now)
        _, cookie = sessions.start(
            session,
            person_id=person.id,
            amr=["pwd"],
            acr="1",
            user_agent=request.headers.get("User-Agent", ""),
            address=client_address(),
            settings=service(Settings),
            now=now,
        )
        return cookie


def _add(session: Session, given: AdministratorForm, password_hash: str) -> Person:
    return accounts.add(
        session,
        username=given.username.data or "",
        email=given.email.data or "",
        email_verified=False,
        name=given.name.data or "",
        is_admin=True,
        password_hash=password_hash,
        now=clock.utc_now(),
    )


def _names(given: AdministratorForm) -> tuple[str, ...]:
    return given.username.data or "", given.email.data or "", given.name.data or ""


def _show(given: AdministratorForm, token: str, errors: dict[str, str]) -> str:
    return render_template("setup/index.html", form=given, token=token, errors=errors)


def _explain(why: str) -> tuple[str, int]:
    finished = accounts.admin_count(db.session()) > 0
    return render_template("setup/explain.html", why="finished" if finished else why), 404 if finished else 403
