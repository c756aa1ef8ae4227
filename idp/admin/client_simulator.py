"""What the app at the other end of a JWT redirect receives of a person, and what its own rules say to that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Blueprint, render_template, request

from idp import clock
from idp.accounts import store as accounts
from idp.admin.client_forms import kind_of
from idp.admin.client_lookup import registered
from idp.clients.presets import Connection, Presets, Simulator
from idp.db import db
from idp.errors import AccessDenied, NotFound
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.accounts.models import Person
    from idp.clients.presets import Simulation
    from idp.clients.store import Client

bp = Blueprint("admin_client_simulator", __name__, url_prefix="/admin")

_MOST_FOUND: Final = 10
_LONGEST_SEARCH: Final = 200
_MARKS: Final = {"ok": ("Passes", "ok"), "warn": ("Note", "warn"), "bad": ("Fails", "bad")}


@bp.get("/clients/<client_id>/simulator")
def show(client_id: str) -> str:
    """Show what is typed into the app, and what it receives of the person who is asked for."""
    client = registered(client_id)
    preset = service(Presets).of(client)
    words = request.args.get("q", "")[:_LONGEST_SEARCH].strip()
    person, people = _found(words)
    simulation = _simulated(client, person)
    return render_template(
        "admin/clients/simulator.html",
        client=client,
        kind=kind_of(client.metadata),
        preset=preset,
        settings=preset.settings(connection_of(client)),
        words=words,
        chosen=person,
        people=people,
        simulation=simulation,
        header=_as_text(simulation.header) if simulation else "",
        content=_as_text(simulation.content) if simulation else "",
        marks=_MARKS,
    )


def connection_of(client: Client) -> Connection:
    """Return what the settings of a client's app ask for."""
    issuer, delivery = service(Settings).issuer, client.metadata.jwt_sso
    if delivery is None:
        raise NotFound("This app takes no JWT redirect.")
    return Connection(
        client_id=client.client_id,
        issuer=issuer,
        start=f"{issuer}/sso/{client.client_id}",
        # Its own, where it shows that it has the next key before that signs.
        jwks=f"{issuer}/oauth/jwks/{quote(client.client_id, safe='')}",
        delivery_uri=delivery.delivery_uri,
    )


def _found(words: str) -> tuple[Person | None, Sequence[Person]]:
    if not words:
        return None, ()
    people = accounts.page(db.session(), search=words, limit=_MOST_FOUND).people
    exact = accounts.find_by_login(db.session(), words)
    return exact or (people[0] if len(people) == 1 else None), people


def _simulated(client: Client, person: Person | None) -> Simulation | None:
    """Return the simulation, or nothing for a person who cannot sign in."""
    if person is None:
        return None
    try:
        return service(Simulator).of(db.session(), client, person.id, clock.utc_now())
    except AccessDenied:
        return None


def _as_text(members: object) -> str:
    return json.dumps(members, indent=2, ensure_ascii=False) if members else ""
