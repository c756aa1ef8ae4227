"""``/admin/outbox``: what this server has to send to apps and to people, what arrived, and what did not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from idp import clock
from idp.accounts.models import Person
from idp.clients.models import ClientRow
from idp.db import db, transaction
from idp.deliveries import administration, mail, store
from idp.deliveries.store import Filter
from idp.errors import Conflict
from idp.login.actor import actor
from idp.login.guards import admin_required
from idp.settings import Settings
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session
    from werkzeug.wrappers import Response

    from idp.deliveries.models import Delivery

bp = Blueprint("admin_outbox", __name__, url_prefix="/admin/outbox")
NAV = NavEntry(menu="admin", label="Outbox", endpoint="admin_outbox.index", icon="mail", order=70, group="Security")

_KINDS: Final = {store.LOGOUT_TOKEN: "Sign-out"}
_SORTS: Final = {"": "All", store.MAIL: "Mail to people", store.LOGOUT_TOKEN: "Sign-outs to apps"}
_STATES: Final = {
    "": "All",
    store.QUEUED: "Waiting",
    store.SENT: "Sent",
    store.FAILED: "Failed",
    store.GIVEN_UP: "Given up",
}
_LONGEST_QUERY: Final = 200
_ID: Final = re.compile(r"dlv_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery as the page shows it."""

    id: str
    kind: str
    client_id: str | None
    app: str
    person_id: str | None
    person: str
    state: str
    attempts: int
    fault: str
    created_at: datetime
    tried_at: datetime | None
    due_at: datetime | None
    # Of a mail: to whom, and whether what it says is still here.
    to: str
    is_kept: bool

    @property
    def can_retry(self) -> bool:
        """Tell whether trying again is something one may ask for."""
        return self.state != store.SENT and (not self.to or self.is_kept)


@bp.get("")
@admin_required
def index() -> str:
    """Show deliveries, the newest first."""
    session, chosen = db.session(), _chosen()
    page = store.page(session, chosen, older=_place("older"), newer=_place("newer"))
    counts = store.counts(session)
    return render_template(
        "admin/outbox/index.html",
        lines=_lines(session, page.deliveries),
        page=page,
        chosen=chosen,
        states=[(state, label, _count(counts, chosen.kind, state)) for state, label in _STATES.items()],
        kinds=[(kind, label, _count(counts, kind, chosen.state)) for kind, label in _SORTS.items()],
        anything=any(counts.values()),
        failed=_count(counts, chosen.kind, store.FAILED),
        mail_is_set_up=service(Settings).mail.is_set_up,
        query=_query(chosen),
    )


@bp.post("/<delivery_id>/retry")
@admin_required
@transaction()
def retry(delivery_id: str) -> Response:
    """Try one delivery at once."""
    try:
        administration.retry(db.session(), delivery_id, actor=actor(), now=clock.utc_now())
    except Conflict as error:
        return _back(error.public, "error")
    return _back("It is tried again now.")


@bp.post("/<delivery_id>/give-up")
@admin_required
@transaction()
def give_up(delivery_id: str) -> Response:
    """End the tries of one delivery."""
    try:
        administration.give_up(db.session(), delivery_id, actor=actor(), now=clock.utc_now())
    except Conflict as error:
        return _back(error.public, "error")
    return _back("It is not tried any more.")


@bp.post("/retry-failed")
@admin_required
@transaction()
def retry_failed() -> Response:
    """Try every failed delivery of the present filter at once."""
    count = administration.retry_failed(db.session(), _chosen(), actor=actor(), now=clock.utc_now())
    return _back(f"{count} {'is' if count == 1 else 'are'} tried again now." if count else "None has failed.")


def _chosen() -> Filter:
    state = request.args.get("state", "")
    search = request.args.get("q", "").strip().replace("\0", "")[:_LONGEST_QUERY]
    kind = request.args.get("kind", "")
    return Filter(state=state if state in store.STATES else "", kind=kind if kind in store.KINDS else "", search=search)


def _query(chosen: Filter) -> dict[str, str]:
    """Return the arguments of an address that shows the same."""
    return {"state": chosen.state, "kind": chosen.kind, "q": chosen.search}


def _count(counts: Mapping[tuple[str, str], int], kind: str, state: str) -> int:
    """Return how many there are of *kind* in *state*; empty: of any."""
    return sum(number for (one, where), number in counts.items() if kind in ("", one) and state in ("", where))


def _place(name: str) -> str | None:
    """Return the id that a page begins at; what is none begins with the newest."""
    given = request.args.get(name, "")
    return given if _ID.fullmatch(given) else None


def _lines(session: Session, deliveries: Sequence[Delivery]) -> list[Line]:
    clients = {one.client_id for one in deliveries if one.client_id}
    people = {one.person_id for one in deliveries if one.person_id}
    names = dict(
        session.execute(
            select(ClientRow.client_id, ClientRow.client_name).where(ClientRow.client_id.in_(clients))
        ).all()
    )
    usernames = dict(session.execute(select(Person.id, Person.username).where(Person.id.in_(people))).all())
    return [
        Line(
            id=one.id,
            kind=mail.label(one.facts["template"]) if one.kind == store.MAIL else _KINDS.get(one.kind, one.kind),
            client_id=one.client_id,
            app=names.get(one.client_id or "", ""),
            person_id=one.person_id,
            person=usernames.get(one.person_id or "", ""),
            state=one.state,
            attempts=one.attempts,
            fault=one.fault,
            created_at=one.created_at,
            tried_at=one.tried_at,
            due_at=one.due_at,
            to=one.facts["to"] if one.kind == store.MAIL else "",
            is_kept=one.sealed is not None,
        )
        for one in deliveries
    ]


def _back(message: str, category: str = "success") -> Response:
    flash(message, category)
    chosen = _chosen()
    where = url_for("admin_outbox.index", state=chosen.state or None, kind=chosen.kind or None, q=chosen.search or None)
    return redirect(where, code=303)
