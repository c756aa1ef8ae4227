"""``/admin/outbox/mail``: what a mail says that waits here, for whoever has to hand it on; and whether mail works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from idp import clock
from idp.audit import mail_events
from idp.audit.log import record
from idp.db import db, transaction
from idp.deliveries import administration, mail, store
from idp.deliveries.mail import Mail
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import admin_required, recent_sign_in
from idp.mail.rendering import render
from idp.settings import Settings
from idp.vault import Vault
from idp.web import language, viewer
from idp.web.current import service

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("admin_mail", __name__, url_prefix="/admin/outbox/mail")


@bp.get("/<delivery_id>")
@admin_required
@recent_sign_in
def show(delivery_id: str) -> str:
    """Show what is known of a mail; what it says is asked for by a button, since that is noted."""
    return _page(delivery_id, None)


@bp.post("/<delivery_id>")
@admin_required
@recent_sign_in
@transaction()
def read(delivery_id: str) -> str:
    """Show what a mail says that was not sent yet; the audit log says who read it."""
    said = administration.read_mail(db.session(), service(Vault), delivery_id, actor=actor(), now=clock.utc_now())
    return _page(delivery_id, said)


@bp.post("/test")
@admin_required
@recent_sign_in
@transaction()
def test() -> Response:
    """Queue a mail to the administrator who asks."""
    session, now, view = db.session(), clock.utc_now(), signed_in()
    letter = Mail(
        template="test",
        to=view.email,
        person_id=view.person_id,
        facts={"name": view.display_name},
        link=url_for("account_apps.index"),
        language=language.of_person(viewer.locale(), is_here=True),
    )
    delivery_id = mail.queue(session, service(Vault), letter, now=now)
    event = mail_events.MailTested(target_id=view.person_id, target_name=view.email, delivery_id=delivery_id)
    record(session, event, now=now, actor=actor())
    flash(f"A test mail to {view.email} is on its way; here you see whether it arrives.", "ok")
    return redirect(url_for("admin_outbox.index"), 303)


def _page(delivery_id: str, said: Mail | None) -> str:
    found = store.find(db.session(), delivery_id)
    if found is None or found.kind != store.MAIL:
        raise NotFound("There is no such mail.")
    issuer = service(Settings).issuer
    return render_template(
        "admin/outbox/mail.html",
        delivery=found,
        about=mail.label(found.facts["template"]),
        rendered=render(said) if said else None,
        link=f"{issuer}{said.link}" if said and said.link else "",
        is_kept=found.sealed is not None,
        is_set_up=service(Settings).mail.is_set_up,
    )
