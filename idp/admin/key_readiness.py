"""``/admin/keys/readiness``: which apps know the next key, trying it with one of them, and handing it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from idp import clock
from idp.admin.key_overview import span
from idp.audit import events
from idp.audit.log import record
from idp.clients.models import ClientRow
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.errors import Conflict, NotFound
from idp.keys import algorithms, canary, readiness, rotation, store
from idp.keys.algorithms import ALGORITHMS
from idp.keys.ledger import Ledger
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.wrappers import Response as Answer

    from idp.keys.readiness import Readiness

bp = Blueprint("admin_key_readiness", __name__, url_prefix="/admin/keys/readiness")


@bp.get("")
@admin_required
@commits_in_steps
def index() -> str:
    """Show, for every next key, which apps are known to have it."""
    now, settings = clock.utc_now(), service(Settings)
    found = assessed(now)
    held = {one.alg for one in found if rotation.is_held(one, settings, now)}
    return render_template(
        "admin/keys/readiness.html",
        found=found,
        held=held,
        kinds=KINDS,
        span=span,
        clients=db.session.execute(
            select(ClientRow.client_id, ClientRow.client_name).order_by(ClientRow.name_key, ClientRow.client_id)
        ).all(),
        keys=[key for key in store.all_keys(db.session()) if key.state in store.PUBLISHED],
        jwks=f"{settings.issuer}/oauth/jwks/",
        discovery=f"{settings.issuer}/.well-known/openid-configuration/",
    )


@bp.post("/trial")
@admin_required
@recent_sign_in
@transaction()
def begin_trial() -> Answer:
    """Sign for one app with the next key."""
    alg, client_id = request.form.get("alg", ""), request.form.get("client_id", "")
    try:
        key = canary.begin(db.session(), service(Settings), alg, client_id, now=clock.utc_now(), by=actor())
    except Conflict as error:
        return _back(error.public, "error")
    return _back(f"{key} signs for this app from now on. It goes back by itself when people have to start over.")


@bp.post("/trial/end")
@admin_required
@transaction()
def end_trial() -> Answer:
    """Sign for the app with the active key again."""
    canary.end(db.session(), request.form.get("client_id", ""), now=clock.utc_now(), by=actor())
    return _back("The active key signs for this app again.")


@bp.post("/give")
@admin_required
@recent_sign_in
@transaction()
def give() -> Response:
    """Hand a public key to an app that does not fetch the key set, and remember that it has it."""
    client_id, kid, now = request.form.get("client_id", ""), request.form.get("kid", ""), clock.utc_now()
    key, name = store.find(db.session(), kid), _name(client_id)
    if key is None:
        raise NotFound("There is no such key.")
    readiness.give(db.session(), client_id, kid, now)
    event = events.KeyGiven(target_id=kid, target_name=key.name, app=name)
    record(db.session(), event, now=now, actor=actor())
    pem = algorithms.public_pem(ALGORITHMS[key.alg], key.public_jwk)
    response = Response(pem, content_type="application/x-pem-file")
    response.headers["Content-Disposition"] = f'attachment; filename="{key.name}.pem"'
    return response


@bp.post("/fetches")
@admin_required
@recent_sign_in
@transaction()
def fetches() -> Answer:
    """Note that an app fetches the key set now, and holds no key that was handed to it."""
    name = _name(request.form.get("client_id", ""))
    readiness.take_back(db.session(), request.form.get("client_id", ""))
    return _back(f"{name} counts as one that fetches the key set.")


# Badge and label of each class.
KINDS = {
    readiness.CONFIRMED: ("ok", "Confirmed"),
    readiness.INFERRED: ("ok", "Inferred"),
    readiness.PINNED: ("warn", "Pinned"),
    readiness.UNKNOWN: ("off", "Unknown"),
}


def assessed(now: datetime) -> list[Readiness]:
    """Return what is known of every algorithm that has a key; no transaction may be open."""
    service(Ledger).flush()
    # What was read before does not see what was written now.
    end_reading()
    session = db.session()
    algs = dict.fromkeys(key.alg for key in store.all_keys(session) if key.state in store.PUBLISHED)
    return [readiness.assess(session, service(Settings), alg, now) for alg in algs]


def _name(client_id: str) -> str:
    name = db.session.execute(select(ClientRow.client_name).where(ClientRow.client_id == client_id)).scalar()
    if name is None:
        raise NotFound("There is no such app.")
    return str(name)


def _back(message: str, category: str = "success") -> Answer:
    flash(message, category)
    return redirect(url_for("admin_key_readiness.index"), code=303)
