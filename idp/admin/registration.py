"""Tokens that let apps register themselves: who has one, making one, ending one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.clients import initial_access
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors
from idp.login.actor import actor
from idp.login.guards import recent_sign_in
from idp.settings import Settings
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

bp = Blueprint("admin_registration", __name__, url_prefix="/admin/registration")
NAV = NavEntry(
    menu="admin",
    label="Self-registration",
    endpoint="admin_registration.index",
    icon="plug",
    order=25,
    group="Apps",
)

_LIFETIMES = {
    "1h": ("1 hour", timedelta(hours=1)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "366d": ("1 year", initial_access.LONGEST_LIFETIME),
}
_USUAL = "7d"
_ONE = "1"


@bp.get("")
def index() -> str:
    """Say whether apps can register themselves, and list the tokens."""
    settings = service(Settings)
    return render_template(
        "admin/registration/index.html",
        mode=settings.registration.mode,
        quota=settings.registration.quota,
        address=f"{settings.issuer}/oauth/register",
        tokens=initial_access.every(db.session(), clock.utc_now()),
    )


@bp.get("/new")
@recent_sign_in
def new() -> Response:
    """Ask what the token is for, and how far it goes."""
    return _form_page({"name": "", "lifetime": _USUAL, "most_uses": _ONE}, {})


@bp.post("/new")
@recent_sign_in
@transaction()
def create() -> Response:
    """Make a token, and show it this once."""
    given = {name: request.form.get(name, "").strip() for name in ("name", "lifetime", "most_uses")}
    try:
        facts, token = initial_access.make(
            db.session(),
            given["name"],
            lifetime=_LIFETIMES.get(given["lifetime"], ("", timedelta(0)))[1],
            most_uses=_number(given["most_uses"]),
            actor=actor(),
            now=clock.utc_now(),
        )
    except FieldErrors as faults:
        return _form_page(given, faults.fields)
    page = render_template(
        "admin/registration/token.html",
        facts=facts,
        token=token,
        address=f"{service(Settings).issuer}/oauth/register",
        is_off=service(Settings).registration.mode == "off",
    )
    response = make_response(page)
    # Not even the browser's own back button may bring it up again.
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/<token_id>/revoke")
@recent_sign_in
def confirm_revoke(token_id: str) -> str:
    """Ask before a token is ended."""
    facts = initial_access.find(db.session(), token_id, clock.utc_now())
    return render_template("admin/registration/revoke.html", facts=facts)


@bp.post("/<token_id>/revoke")
@recent_sign_in
@transaction()
def revoke(token_id: str) -> Response:
    """End a token; the apps that it let in stay."""
    try:
        facts = initial_access.revoke(db.session(), token_id, actor=actor(), now=clock.utc_now())
    except Conflict as refused:
        flash(refused.public, "error")
    else:
        flash(f"The token “{facts.name}” is revoked. The apps that it let in stay.", "ok")
    return make_response(redirect(url_for("admin_registration.index"), code=303))


def _number(text: str) -> int | None:
    """Read how often a token may be used; nothing means any number of times."""
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(initial_access.MOST_USES))
    return int(text) if is_number else 0


def _form_page(values: Mapping[str, str], faults: Mapping[str, str]) -> Response:
    page = render_template(
        "admin/registration/new.html",
        values=values,
        errors=dict(faults),
        lifetimes=[(value, label) for value, (label, _) in _LIFETIMES.items()],
    )
    return make_response(page, 400 if faults else 200)
