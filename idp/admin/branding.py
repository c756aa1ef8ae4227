"""Branding: the name, the logos, the colour, the links, and how they look before anybody else sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.admin import brand_changes
from idp.branding import colours, store
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import takes_files
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.branding.store import Brand

bp = Blueprint("admin_branding", __name__, url_prefix="/admin/branding")
NAV = NavEntry(menu="admin", label="Branding", endpoint="admin_branding.index", icon="pencil", order=80, group="Site")

_NOTHING: Mapping[str, str] = {}
_PLACES = {"light": "light pages", "dark": "dark pages"}


@bp.get("")
@admin_required
def index() -> Response:
    """Show the brand as it is."""
    return _page(store.read(db.session()))


@bp.post("")
@recent_sign_in
@transaction()
def save() -> Response:
    """Save the name, the colour, the text and the links; or show how they would look."""
    before = store.read(db.session())
    given = {name: request.form.get(name, "") for name in store.TEXTS}
    try:
        if request.form.get("do") == "preview":
            return _page(replace(before, **brand_changes.checked(given)), is_draft=True)
        brand_changes.change(db.session(), given, actor=actor(), now=clock.utc_now())
    except FieldErrors as faults:
        return _page(_with(before, given, faults), given=given, faults=faults.fields)
    flash("Saved. Every page looks like this from now on.", "ok")
    return _back()


@bp.post("/logo/<place>")
@recent_sign_in
@takes_files
@transaction()
def save_logo(place: str) -> Response:
    """Take a logo in, or take the one away that is there."""
    if place not in _PLACES:
        raise NotFound("There is no such logo.")
    sent = request.files.get("picture")
    content = None if request.form.get("do") == "remove" else (sent.read() if sent is not None else b"")
    try:
        brand_changes.set_logo(db.session(), place, content, actor=actor(), now=clock.utc_now())
    except FieldErrors as faults:
        return _page(store.read(db.session()), faults=faults.fields)
    flash(f"The logo for {_PLACES[place]} is {'gone' if content is None else 'saved'}.", "ok")
    return _back()


@bp.get("/preview-<accent>.css")
@admin_required
def preview(accent: str) -> Response:
    """Return the colours of the preview, for an accent that is not saved (yet)."""
    colour = colours.parse(accent)
    if colour is None:
        raise NotFound("There is no such style sheet.")
    colour = colours.nearest(colour)
    rules = [
        f".brand-preview--{theme} {{ {palette.declarations()} }}"
        for theme, palette in (("light", colours.light(colour)), ("dark", colours.dark(colour)))
    ]
    return Response("@layer pages {\n" + "\n".join(rules) + "\n}\n", content_type="text/css; charset=utf-8")


def _back() -> Response:
    return make_response(redirect(url_for("admin_branding.index"), code=303))


def _with(before: Brand, given: Mapping[str, str], faults: FieldErrors) -> Brand:
    """Return what can be shown of what was typed: the good fields, and the nearest colour to one that was refused."""
    good = {name: value for name, value in given.items() if name not in faults.fields and name != "accent"}
    accent = colours.parse(given["accent"])
    return replace(before, **good, accent=colours.nearest(accent) if accent else before.accent)


def _page(
    brand: Brand,
    *,
    given: Mapping[str, str] | None = None,
    faults: Mapping[str, str] = _NOTHING,
    is_draft: bool = False,
) -> Response:
    accent = brand.accent or brand_changes.OWN_ACCENT
    typed = given or {name: getattr(brand, name) for name in store.TEXTS}
    page = render_template(
        "admin/branding/index.html",
        brand=brand,
        accent=accent,
        reading=colours.reading(accent),
        values={**typed, "accent": colours.parse(typed["accent"]) or accent},
        errors=dict(faults),
        own_name=service(Settings).site_name,
        is_draft=is_draft,
        places=_PLACES,
        largest=brand_changes.LARGEST_LOGO // 1024,
        longest=brand_changes.LONGEST_TEXT,
    )
    return make_response(page, 400 if faults else 200)
