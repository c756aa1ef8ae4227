"""``/developer/jwt``: paste a token and see what it says, whether it is good here, and why not.

The token comes by POST and is answered at once: it stands in no address, is not kept, and the page is not stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flask import Blueprint, make_response, render_template, request

from idp import clock
from idp.db import db
from idp.developer import inspection
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.protocol.jwt_claim_checks import MOST_LEEWAY, Expected
from idp.protocol.jwt_parts import MAX_LENGTH
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from idp.web.navigation import NavEntry
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response

    from idp.protocol.jwt_inspection import Report

bp = Blueprint("developer_jwt", __name__, url_prefix="/developer/jwt")
NAV = NavEntry(menu="account", label=say("JWT inspector"), endpoint="developer_jwt.index", icon="braces", order=90)

_LONGEST_VALUE = 2000


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed; ``faults`` are sentences by field."""

    token: str = ""
    audience: str = ""
    issuer: str = ""
    leeway: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)


@bp.get("")
@login_required
def index() -> str:
    """Show the form; a page about one app names the audience that its tokens should have."""
    return _page(Typed(audience=request.args.get("audience", "")[:_LONGEST_VALUE]))


@bp.post("")
@login_required
def inspect() -> Response:
    """Look into the token of the form and show what was found; nothing is written."""
    typed = Typed(_typed("token"), _typed("audience"), _typed("issuer"), _typed("leeway"))
    faults = _faults(typed)
    if faults:
        kept = "" if "token" in faults else typed.token
        return make_response(_page(replace(typed, token=kept, faults=faults)), 400)
    settings = service(Settings)
    report = inspection.inspect(
        db.session(),
        typed.token,
        Expected(audience=typed.audience, issuer=typed.issuer, leeway=int(typed.leeway or "0")),
        issuer=settings.issuer,
        now=clock.utc_now(),
        # What tells whether a secret fits is for those who may replace it.
        vault=service(Vault) if signed_in().is_admin else None,
    )
    # A secret that was pasted by mistake does not stand on the page that follows.
    token = "" if report.is_secret else typed.token
    return make_response(_page(replace(typed, token=token), report))


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()


def _faults(typed: Typed) -> dict[str, str]:
    found = {}
    if not typed.token:
        found["token"] = "Paste a token."
    elif len(typed.token) > MAX_LENGTH:
        found["token"] = f"It has {len(typed.token):,} characters; {MAX_LENGTH:,} are read at most."
    for name, value in (("audience", typed.audience), ("issuer", typed.issuer)):
        if len(value) > _LONGEST_VALUE:
            found[name] = f"At most {_LONGEST_VALUE:,} characters are compared."
    leeway = typed.leeway
    if leeway and not (leeway.isascii() and leeway.isdigit() and len(leeway) <= len(str(MOST_LEEWAY))):
        found["leeway"] = f"Write whole seconds, from 0 to {MOST_LEEWAY:,}."
    elif leeway and int(leeway) > MOST_LEEWAY:
        found["leeway"] = f"More than {MOST_LEEWAY:,} seconds would hide what is wrong."
    return found


def _page(typed: Typed, report: Report | None = None) -> str:
    return render_template(
        "developer/jwt/index.html",
        typed=typed,
        faults=typed.faults,
        report=report,
        checks=[{"kind": one.result, "title": one.title, "note": one.note} for one in report.checks] if report else [],
        most=MAX_LENGTH,
    )
