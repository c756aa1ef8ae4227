"""A client's secrets: shown once, in the answer to the form that made them, and kept nowhere in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.admin.client_lookup import registered
from idp.clients import administration, secrets
from idp.clients.presets import Presets
from idp.clients.store import Created
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors, NotFound
from idp.login.actor import actor
from idp.login.guards import recent_sign_in
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Callable


def reveal(created: Created, *, is_new: bool) -> Response:
    """Return the page that shows new secrets, this once."""
    response = make_response(render_template("admin/clients/secret.html", created=created, is_new=is_new))
    # Not even the browser's own back button may bring it up again.
    response.headers["Cache-Control"] = "no-store"
    return response


@recent_sign_in
@transaction()
def add_secret(client_id: str) -> Response:
    """Make a second secret and show it."""
    try:
        secret = administration.add_secret(db.session(), service(Vault), client_id, actor=actor(), now=clock.utc_now())
    except Conflict as refused:
        flash(refused.public, "error")
        return _to(client_id)
    return reveal(Created(registered(client_id), secret, None), is_new=False)


@recent_sign_in
def confirm_remove_secret(client_id: str, secret_id: str) -> str:
    """Ask before a secret is removed."""
    client = registered(client_id)
    known = secrets.live(db.session(), client_id)
    found = next((one for one in known if one.id == secret_id), None)
    if found is None:
        raise NotFound("This secret is gone already.")
    return render_template("admin/clients/remove_secret.html", client=client, secret=found, is_last=len(known) == 1)


@recent_sign_in
@transaction()
def remove_secret(client_id: str, secret_id: str) -> Response:
    """End a secret."""
    administration.remove_secret(db.session(), client_id, secret_id, actor=actor(), now=clock.utc_now())
    flash("The secret is removed. Whoever still uses it is refused.", "ok")
    return _to(client_id)


@recent_sign_in
def confirm_replace_jwt_secret(client_id: str) -> str:
    """Ask before the secret that signs JWTs is replaced at once, and the other one with it."""
    client = registered(client_id)
    if client.jwt_secret is None:
        raise NotFound("The tokens of this client are not signed with a shared secret.")
    return render_template("admin/clients/replace_jwt_secret.html", client=client)


@recent_sign_in
@transaction()
def replace_jwt_secret(client_id: str) -> Response:
    """Replace the secret that signs JWTs for a client, and show the new one."""
    secret = administration.replace_jwt_secret(
        db.session(), service(Vault), client_id, actor=actor(), now=clock.utc_now()
    )
    return reveal(Created(registered(client_id), None, secret), is_new=False)


@recent_sign_in
def new_jwt_secret(client_id: str) -> Response:
    """Ask for the second secret that signs JWTs: one of the app's, or one that is made here."""
    return _jwt_secret_page(client_id)


@recent_sign_in
@transaction()
def add_jwt_secret(client_id: str) -> Response:
    """Make a second secret for the JWT redirect and show it, or keep the one that the app made."""
    chosen = request.form.get("jwt_secret", "").strip()
    try:
        secret = administration.add_jwt_secret(
            db.session(), service(Vault), client_id, actor=actor(), now=clock.utc_now(), chosen=chosen
        )
    except FieldErrors as faults:
        return _jwt_secret_page(client_id, next(iter(faults.fields.values())))
    except Conflict as refused:
        flash(refused.public, "error")
        return _to(client_id)
    if chosen:
        flash("The secret is kept. Sign with it when the app is ready.", "ok")
        return _to(client_id)
    return reveal(Created(registered(client_id), None, secret), is_new=False)


@recent_sign_in
@transaction()
def switch_jwt_secret(client_id: str) -> Response:
    """Sign JWTs with the other secret from now on."""
    return _done(
        client_id,
        lambda: administration.switch_jwt_secret(db.session(), client_id, actor=actor(), now=clock.utc_now()),
        "Tokens are signed with the other secret from now on.",
    )


@recent_sign_in
@transaction()
def remove_jwt_secret(client_id: str) -> Response:
    """End the secret that does not sign JWTs."""
    return _done(
        client_id,
        lambda: administration.remove_jwt_secret(db.session(), client_id, actor=actor(), now=clock.utc_now()),
        "The secret is removed.",
    )


def _done(client_id: str, change: Callable[[], None], sentence: str) -> Response:
    try:
        change()
    except Conflict as refused:
        flash(refused.public, "error")
    else:
        flash(sentence, "ok")
    return _to(client_id)


def _jwt_secret_page(client_id: str, error: str = "") -> Response:
    client = registered(client_id)
    if client.jwt_secret is None:
        raise NotFound("The tokens of this client are not signed with a shared secret.")
    preset = service(Presets).of(client)
    page = render_template("admin/clients/add_jwt_secret.html", client=client, preset=preset, error=error)
    return make_response(page, 400 if error else 200)


def _to(client_id: str) -> Response:
    return make_response(redirect(url_for("admin_clients.show", client_id=client_id), code=303))
