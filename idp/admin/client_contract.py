"""What the tokens of one client hold: since when, what would change them, and agreeing to that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from idp.admin import client_consent
from idp.admin.client_forms import kind_of
from idp.admin.client_lookup import registered
from idp.contracts import pins, schema
from idp.contracts.frames import Frames
from idp.contracts.notes import Notes
from idp.contracts.schema import KINDS
from idp.db import commits_in_steps, db, transaction
from idp.errors import Conflict
from idp.login.guards import recent_sign_in
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.clients.models import TokenContract
    from idp.contracts.pins import Examined

bp = Blueprint("admin_client_contract", __name__, url_prefix="/admin")


@dataclass(frozen=True, slots=True)
class Shown:
    """One contract as the page shows it; a row of ``claims`` is the name, its types, and in how many tokens it was."""

    id: str
    title: str
    row: TokenContract
    facts: Sequence[tuple[str, str]]
    claims: Sequence[tuple[str, str, str]]


@bp.get("/clients/<client_id>/contract")
@commits_in_steps
def show(client_id: str) -> Response:
    """Show what the tokens of a client hold, and what waits to be agreed to."""
    client = registered(client_id)
    # What this process issued a moment ago is to be seen.
    service(Notes).flush()
    found = pins.examine(db.session(), service(Frames), client)
    page = render_template(
        "admin/clients/contract.html",
        client=client,
        kind=kind_of(client.metadata),
        found=found,
        contracts=[_shown(number, row) for number, row in enumerate(found.contracts)],
        agreed=_agreed(found),
    )
    return make_response(page)


@bp.post("/clients/<client_id>/contract")
@recent_sign_in
@commits_in_steps
def accept(client_id: str) -> Response:
    """Agree to what the page showed, and to nothing else."""
    client = registered(client_id)
    found = pins.examine(db.session(), service(Frames), client)
    if request.form.get("agreed") != _agreed(found):
        raise Conflict("Something has changed since you looked. Go back, and look at the differences again.")
    with transaction() as session:
        pins.accept(session, client_consent.changing(), client_id)
    flash("Agreed. From now on this is what its tokens hold.", "ok")
    return make_response(redirect(url_for("admin_client_contract.show", client_id=client_id), code=303))


def _agreed(found: Examined) -> str:
    return pins.fingerprint([*found.differs, *found.waits])


def _shown(number: int, row: TokenContract) -> Shown:
    frame = schema.from_json(row.frame)
    claims = [
        (
            name,
            " or ".join(one.types),
            "in every token" if one.always else f"in {row.seen.get(name, 0)} of {row.tokens}",
        )
        for name, one in sorted(frame.claims.items())
    ]
    return Shown(f"contract-{number}", KINDS[row.kind], row, frame.facts(), claims)
