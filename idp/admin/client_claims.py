"""What a client is told of people: the names it has for claims, and a preview for one person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from idp import clock
from idp.accounts import store as accounts
from idp.admin import claim_origins, claim_rows, client_consent, drafts
from idp.admin.claim_origins import Origin
from idp.admin.claim_rows import MOST_ROWS, Row
from idp.admin.client_forms import kind_of
from idp.admin.client_lookup import registered
from idp.clients.claim_mapping import SOURCES
from idp.clients.metadata import validate
from idp.contracts import pins
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors
from idp.login.guards import needs_reauth
from idp.protocol.scopes import OFFLINE_ACCESS, ordered
from idp.tokens.previews import Asked, Previews
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.accounts.models import Person
    from idp.clients.metadata import ClientMetadata
    from idp.clients.store import Client

bp = Blueprint("admin_client_claims", __name__, url_prefix="/admin")

_DRAFT: Final = "admin_client_claims.draft"
_PLACES: Final = (("id_token", "ID token"), ("userinfo", "UserInfo"), ("access_token", "Access token"))
_MOST_FOUND: Final = 10
_LONGEST_SEARCH: Final = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One token or answer as the page shows it."""

    place: str
    title: str
    note: str
    text: str
    origins: Sequence[Origin]


@dataclass(frozen=True, slots=True)
class Search:
    """Whom and what a preview is asked for: the words, the ticked scopes, whom the words found."""

    words: str
    scopes: tuple[str, ...]
    person: Person | None
    people: Sequence[Person]


@bp.get("/clients/<client_id>/claims")
@commits_in_steps
def show(client_id: str) -> Response:
    """Show what a client calls the claims, and what it would be told of whoever is asked for."""
    client = registered(client_id)
    kept = request.args.get("interaction")
    if kept:
        return make_response(_page(client, claim_rows.rows_in(drafts.load(kept, _DRAFT, of=client_id).form)))
    return make_response(_page(client, claim_rows.rows_of(client.metadata.claim_mapping)))


@bp.post("/clients/<client_id>/claims")
@commits_in_steps
def save(client_id: str) -> Response:
    """Change what a client calls the claims; or show one more row, which changes nothing."""
    client = registered(client_id)
    rows = claim_rows.rows_in(request.form)
    if "add" in request.form or client_consent.goes_back():
        return make_response(_page(client, [*rows, Row()] if "add" in request.form else rows))
    if needs_reauth():
        form = MultiDict(claim_rows.sent(rows))
        return drafts.confirm_first(_DRAFT, form, of=client_id, client_id=client_id)
    rows = claim_rows.checked(rows)
    if any(row.error for row in rows):
        return make_response(_page(client, rows), 400)
    try:
        wanted = validate(client.metadata.as_json() | {"claim_mapping": claim_rows.meant(rows)})
    except FieldErrors as faults:
        return make_response(_page(client, rows, [f"{name}: {text}" for name, text in faults.fields.items()]), 400)
    return client_consent.question(client, wanted) or _saved(client, wanted)


def _saved(client: Client, wanted: ClientMetadata) -> Response:
    with transaction() as session:
        pins.change(session, client_consent.changing(), client.client_id, wanted)
    is_same = wanted == client.metadata
    flash("Nothing was changed." if is_same else "The claims are saved.", "info" if is_same else "ok")
    return _to(client.client_id)


@bp.get("/client-drafts/claims/<interaction>")
@commits_in_steps
def draft(interaction: str) -> Response:
    """Go back to the rows that were filled in when a fresh sign-in was asked for; nothing is saved by that."""
    return _to(drafts.load(interaction, _DRAFT).of, interaction)


def _page(client: Client, rows: Sequence[Row], faults: Sequence[str] = ()) -> str:
    now_there = [*rows] if rows and rows[-1].is_blank else [*rows, Row()]
    search = _search(client.metadata)
    return render_template(
        "admin/clients/claims.html",
        client=client,
        kind=kind_of(client.metadata),
        rows=now_there[:MOST_ROWS],
        may_add=len(now_there) < MOST_ROWS,
        errors=[(f"row-{number}-name", row.error) for number, row in enumerate(now_there) if row.error]
        + [("", fault) for fault in faults],
        places=_PLACES,
        sources=[("", "Choose…"), *((source, source) for source in SOURCES)],
        search=search,
        scopes=[(name, name) for name in _scopes(client.metadata)],
        previews=_previews(client, search),
    )


def _scopes(metadata: ClientMetadata) -> tuple[str, ...]:
    """Return the scopes of a client that say anything about what it is told."""
    return tuple(name for name in ordered(metadata.scopes) if name != OFFLINE_ACCESS)


def _search(metadata: ClientMetadata) -> Search:
    words = request.args.get("q", "")[:_LONGEST_SEARCH].strip()
    every = _scopes(metadata)
    ticked = tuple(name for name in every if name in request.args.getlist("scope"))
    if not words:
        return Search(words, ticked or every, None, ())
    session = db.session()
    people = accounts.page(session, search=words, limit=_MOST_FOUND).people
    exact = accounts.find_by_login(session, words)
    return Search(words, ticked or every, exact or (people[0] if len(people) == 1 else None), people)


def _previews(client: Client, search: Search) -> list[Shown]:
    if search.person is None:
        return []
    asked = Asked(client, search.person.id, search.scopes, clock.utc_now())
    return [
        Shown(
            place=preview.place,
            title=claim_origins.TITLES[preview.place],
            note=claim_origins.NOTES.get(preview.place, ""),
            text=json.dumps(preview.claims, indent=2, ensure_ascii=False),
            origins=claim_origins.origins(preview, client.metadata, search.scopes),
        )
        for preview in service(Previews).of(db.session(), asked)
    ]


def _to(client_id: str, interaction: str | None = None) -> Response:
    where = url_for("admin_client_claims.show", client_id=client_id, interaction=interaction)
    return make_response(redirect(where, code=303))
