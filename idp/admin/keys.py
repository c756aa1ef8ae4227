"""``/admin/keys``: which key signs, which one follows, rotating, replacing a leaked one, bringing one along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.admin import key_overview, key_readiness
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.deliveries import leaked_keys
from idp.errors import Conflict, FieldErrors, NotFound
from idp.keys import exporting, importing, readiness, rotation, store
from idp.keys.algorithms import ALGORITHMS
from idp.keys.ledger import Ledger
from idp.keys.readiness import WouldBreak
from idp.keys.rotation import Change, TooEarly
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response as Answer

    from idp.keys.models import SigningKey

bp = Blueprint("admin_keys", __name__, url_prefix="/admin/keys")
NAV = NavEntry(
    menu="admin", label="Signing keys", endpoint="admin_keys.index", icon="key-round", order=50, group="Security"
)


@bp.get("")
@admin_required
def index() -> str:
    """Show the keys: what signs, the timeline, the table, and whether a rotation is safe."""
    now, settings = clock.utc_now(), service(Settings)
    found = key_readiness.assessed(now)
    breaking = list(dict.fromkeys(reader.name for one in found for reader in one.breaking))
    held = tuple(one.alg for one in found if rotation.is_held(one, settings, now))
    shown = key_overview.overview(db.session(), settings, now, held)
    return render_template("admin/keys/index.html", shown=shown, breaking=breaking)


@bp.get("/<string(length=43):kid>")
@admin_required
def show(kid: str) -> str:
    """Show the public part of one key."""
    keys = store.all_keys(db.session())
    key = next((one for one in keys if one.kid == kid), None)
    if key is None:
        raise NotFound("There is no such key.")
    return render_template(
        "admin/keys/show.html",
        key=key,
        line=key_overview.key_line(key, keys, service(Settings), clock.utc_now()),
        pem=exporting.pem(key),
        jwk=json.dumps(exporting.jwk(key), indent=2),
    )


@bp.get("/rotate")
@admin_required
@recent_sign_in
def rotate() -> str:
    """Ask which key is to be rotated."""
    return _rotate_page(request.args.get("alg", ""), {})


@bp.post("/rotate")
@admin_required
@recent_sign_in
@commits_in_steps
def rotate_now() -> Answer:
    """Let the next key sign; too early only after the word was typed."""
    alg, word = request.form.get("alg", ""), request.form.get("word", "")
    is_forced = _typed("rotate", word)
    try:
        if not is_forced:
            service(Ledger).flush()
            end_reading()
            readiness.require(db.session(), service(Settings), store.algorithm_named(alg).name, clock.utc_now())
        done = rotation.rotate(_change(), alg, force=is_forced)
    except FieldErrors as error:
        return make_response(_rotate_page(alg, error.fields), 400)
    except (TooEarly, WouldBreak) as error:
        return make_response(_rotate_page(alg, {"word": error.public}), 409)
    except Conflict as error:
        return _back(error.public, "error")
    return _back(f"{_name(done.active)} signs {alg} now. {_name(done.next)} is published and follows it.")


@bp.get("/replace")
@admin_required
@recent_sign_in
def replace() -> str:
    """Show what the replacement of a leaked key touches, and ask for the word."""
    return _replace_page(request.args.get("alg", ""), {})


@bp.post("/replace")
@admin_required
@recent_sign_in
@commits_in_steps
def replace_now() -> Answer:
    """Revoke the key that signs, once the word was typed."""
    alg = request.form.get("alg", "")
    if not _typed("replace", request.form.get("word", "")):
        return make_response(_replace_page(alg, {"word": "Type replace to go on."}), 400)
    try:
        done = leaked_keys.replace(_change(), alg)
    except FieldErrors as error:
        return make_response(_replace_page(alg, error.fields), 400)
    except Conflict as error:
        return _back(error.public, "error")
    return _back(f"{_name(done.before)} is revoked. {_name(done.active)} signs {alg} now.")


@bp.post("/<string(length=43):kid>/revoke")
@admin_required
@recent_sign_in
@commits_in_steps
def revoke(kid: str) -> Answer:
    """Withdraw a key that does not sign; the one that signs is replaced on a page of its own."""
    key = _key(kid)
    if key.state == store.ACTIVE:
        return redirect(url_for("admin_keys.replace", alg=key.alg), code=303)
    try:
        leaked_keys.revoke(_change(), kid)
    except Conflict as error:
        return _back(error.public, "error")
    return _back(f"{key.name} is revoked. Nothing that it signed is accepted any more.")


@bp.post("/next")
@admin_required
@recent_sign_in
@commits_in_steps
def publish_next() -> Answer:
    """Publish the next key of an algorithm that has none."""
    kid = rotation.publish_next(_change(), request.form.get("alg", ""))
    return _back(f"{_name(kid)} is published." if kid else "There is a next key already.")


@bp.get("/import")
@admin_required
@recent_sign_in
def bring() -> str:
    """Ask for a key made elsewhere."""
    return _import_page("", {})


@bp.post("/import")
@admin_required
@recent_sign_in
@commits_in_steps
def bring_in() -> Answer:
    """Add a key made elsewhere; what was pasted is never shown again."""
    alg = request.form.get("alg", "")
    try:
        kid = importing.import_key(_change(), request.form.get("key", ""), alg)
    except FieldErrors as error:
        return make_response(_import_page(alg, error.fields), 400)
    except Conflict as error:
        return make_response(_import_page(alg, {"key": error.public}), 409)
    can_sign = _key(kid).state == store.NEXT
    fate = "published, and can follow the key that signs" if can_sign else "published to verify only"
    return _back(f"{_name(kid)} is {fate}.")


@bp.post("/export")
@admin_required
@transaction()
def export() -> Answer:
    """Hand over public keys: the key set as apps see it, or one key as PEM."""
    session, kid, now = db.session(), request.form.get("kid", ""), clock.utc_now()
    if not kid:
        body = exporting.key_set(session, now=now, by=actor())
        return _download(body, "application/jwk-set+json", "jwks.json")
    key = _key(kid)
    pem = exporting.one(session, key, now=now, by=actor())
    return _download(pem.encode(), "application/x-pem-file", f"{key.name}.pem")


def _download(body: bytes, content_type: str, name: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rotate_page(alg: str, faults: Mapping[str, str]) -> str:
    shown = key_overview.overview(db.session(), service(Settings), clock.utc_now())
    lines = [line for line in shown.lines if line.next]
    alg = alg if any(line.alg == alg for line in lines) else next((line.alg for line in lines), "")
    waiting = [line.alg for line in lines if not line.ready]
    return render_template("admin/keys/rotate.html", lines=lines, alg=alg, waiting=waiting, faults=faults)


def _replace_page(alg: str, faults: Mapping[str, str]) -> str:
    now = clock.utc_now()
    shown = key_overview.overview(db.session(), service(Settings), now)
    lines = [line for line in shown.lines if line.active]
    alg = alg if any(line.alg == alg for line in lines) else next((line.alg for line in lines), "")
    reach = key_overview.reach(db.session(), now)
    return render_template("admin/keys/replace.html", lines=lines, alg=alg, reach=reach, faults=faults)


def _import_page(alg: str, faults: Mapping[str, str]) -> str:
    choices = [(one.name, f"{one.name} ({one.key_label})") for one in ALGORITHMS.values()]
    kept = key_overview.kept(service(Settings))
    return render_template("admin/keys/import.html", choices=choices, alg=alg or "RS256", faults=faults, kept=kept)


def _change() -> Change:
    return Change(service(Vault), service(Settings), clock.utc_now(), actor())


def _typed(word: str, given: str) -> bool:
    return given.strip().lower() == word


def _key(kid: str) -> SigningKey:
    key = store.find(db.session(), kid)
    if key is None:
        raise NotFound("There is no such key.")
    return key


def _name(kid: str | None) -> str:
    return _key(kid).name if kid else ""


def _back(message: str, category: str = "success") -> Answer:
    flash(message, category)
    return redirect(url_for("admin_keys.index"), code=303)
