"""How a person signs in, and gets back in: every way at one place."""

from __future__ import annotations

from flask import Blueprint, render_template

from idp import registry
from idp.account import devices, health
from idp.account.way import Part, Way
from idp.db import db
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.web.navigation import NavEntry
from idp.wording import say

bp = Blueprint("account_security", __name__, url_prefix="/account/security")
NAV = NavEntry(
    menu="account",
    label=say("Security"),
    endpoint="account_security.index",
    icon="shield-check",
    order=20,
    covers=("account_passkeys", "account_password", "account_secure", "account_two_step"),
)

# More of them stand on their own page.
_DEVICES = 3


@bp.get("")
@login_required
def index() -> str:
    """Show every way to sign in that the person has, or could have, and where they are signed in."""
    view = signed_in()
    ways: list[Way] = [module.WAY for module in registry.modules_in("idp.account.ways")]
    parts = [Part(way.template, way.state(view), way.is_section) for way in sorted(ways, key=lambda way: way.order)]
    shown = devices.shown(db.session())
    return render_template(
        "account/security/index.html",
        devices=shown[:_DEVICES],
        device_count=len(shown),
        sections=[part for part in parts if part.is_section],
        rows=[part for part in parts if not part.is_section],
        health=health.of(view),
    )
