"""Switching a client off and on, and deleting it; each asks first, with the numbers of what it ends."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.admin.client_lookup import registered
from idp.admin.client_reach import reach_of
from idp.clients import administration
from idp.clients.store import Client
from idp.db import db, transaction
from idp.login.actor import actor
from idp.login.guards import recent_sign_in


@recent_sign_in
def confirm_disable(client_id: str) -> str:
    """Ask before a client is switched off."""
    client = registered(client_id)
    reach = reach_of(db.session(), client_id, clock.utc_now())
    return render_template("admin/clients/disable.html", client=client, reach=reach)


@recent_sign_in
@transaction()
def disable(client_id: str) -> Response:
    """Switch a client off."""
    client = administration.disable(db.session(), client_id, actor=actor(), now=clock.utc_now())
    flash(f"{client.name} is disabled. Nobody can sign in to it, and its tokens are refused.", "ok")
    return _to(client_id)


@recent_sign_in
@transaction()
def enable(client_id: str) -> Response:
    """Switch a client on again."""
    client = administration.enable(db.session(), client_id, actor=actor(), now=clock.utc_now())
    flash(f"{client.name} works again.", "ok")
    return _to(client_id)


@recent_sign_in
def confirm_delete(client_id: str) -> str:
    """Ask before a client is deleted; its name has to be typed."""
    return _delete_page(registered(client_id))


@recent_sign_in
@transaction()
def delete(client_id: str) -> Response:
    """Delete a client with everything granted to it."""
    client, now = registered(client_id), clock.utc_now()
    typed = request.form.get("client_name", "").strip()
    if typed != client.name:
        return make_response(_delete_page(client, "This is not its name. Type it exactly as shown.", typed), 400)
    reach = reach_of(db.session(), client_id, now)
    administration.delete(db.session(), client_id, grants=reach.grants, people=reach.people, actor=actor(), now=now)
    flash(f"{client.name} is deleted.", "ok")
    return make_response(redirect(url_for("admin_clients.index"), code=303))


def _delete_page(client: Client, error: str = "", typed: str = "") -> str:
    reach = reach_of(db.session(), client.client_id, clock.utc_now())
    return render_template("admin/clients/delete.html", client=client, reach=reach, error=error, typed=typed)


def _to(client_id: str) -> Response:
    return make_response(redirect(url_for("admin_clients.show", client_id=client_id), code=303))
