"""The consent page: what an app would like to know, in plain words and with the actual values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.audit.events import ConsentDenied, ConsentGranted
from idp.audit.log import record
from idp.consents import store as consents
from idp.consents.lines import OPTIONAL, lines_for
from idp.db import commits_in_steps, db, transaction
from idp.errors import ProtocolError
from idp.interactions import store as interactions
from idp.login.actor import acting
from idp.login.browser import bind_browser
from idp.login.waiting import show_as_asked
from idp.oidc import front_channel
from idp.protocol import scopes
from idp.protocol.steps import Step
from idp.web.headers import pending_page

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.interactions.models import Interaction
    from idp.oidc.front_channel import Pending
    from idp.sessions.store import SessionView

bp = Blueprint("consent", __name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A pending request that waits for this person's answer."""

    waiting: Interaction
    client: Client
    pending: Pending
    person: SessionView

    @property
    def asked(self) -> frozenset[str]:
        """The scopes to decide about."""
        return frozenset(self.pending.decision.scopes)


@bp.get("/consent")
@commits_in_steps
def index() -> Response:
    """Show what the app asks for."""
    question = _question(clock.utc_now())
    if not isinstance(question, Question):
        return question
    pending_page()
    decision, remembered = question.pending.decision, question.pending.remembered
    items = lines_for(db.session(), question.person.person_id, decision.scopes, remembered)
    page = render_template(
        "consents/index.html",
        client=question.client,
        required=[item for item in items if not item.is_optional],
        optional=[item for item in items if item.is_optional],
        next_stop=urlsplit(question.pending.authorization.redirect_uri).hostname or question.client.name,
        action=url_for("consent.decide", interaction=question.waiting.id),
        other_account=url_for("login.index", interaction=question.waiting.id, account="other"),
    )
    return make_response(page)


@bp.post("/consent")
@commits_in_steps
def decide() -> Response:
    """Keep the answer, and go back to the request; what was asked for comes from the server's own record."""
    now = clock.utc_now()
    question = _question(now)
    if not isinstance(question, Question):
        return question
    if request.form.get("decision") == "allow":
        allowed = (question.asked - OPTIONAL) | (question.asked & OPTIONAL & set(request.form.getlist("scope")))
        _allow(question, allowed, now)
    else:
        _deny(question, now)
    return _back(question.waiting.id)


def _question(now: datetime) -> Question | Response:
    """Return what waits for an answer, or the way back where nothing does."""
    with transaction() as session:
        waiting = interactions.load(session, request.args.get("interaction", ""), browser=bind_browser(), now=now)
    show_as_asked(waiting)
    if waiting.resume_endpoint != "oidc_authorize.resume" or waiting.completed_at is not None:
        return _back(waiting.id, waiting.resume_endpoint)
    asked = front_channel.asked_before(waiting)
    try:
        pending = front_channel.decide(asked, waiting, now)
    except ProtocolError:
        # The request is told off where it is answered.
        return _back(waiting.id)
    if pending.decision.step is not Step.CONSENT or pending.person is None:
        return _back(waiting.id)
    return Question(waiting, asked.client, pending, pending.person)


def _back(interaction_id: str, endpoint: str = "oidc_authorize.resume") -> Response:
    return make_response(redirect(url_for(endpoint, interaction=interaction_id), code=303))


def _allow(question: Question, allowed: frozenset[str], now: datetime) -> None:
    person, client = question.person, question.client
    event = ConsentGranted(target_id=client.client_id, target_name=client.name, scopes=scopes.ordered(allowed))
    with transaction() as session:
        interactions.consented(session, question.waiting, allowed, person.person_id)
        consents.remember(session, person.person_id, client.client_id, allowed, now=now)
        record(session, event, now=now, actor=acting(person.person_id, person.display_name))


def _deny(question: Question, now: datetime) -> None:
    person, client = question.person, question.client
    event = ConsentDenied(target_id=client.client_id, target_name=client.name, scopes=scopes.ordered(question.asked))
    with transaction() as session:
        interactions.denied(session, question.waiting, person.person_id, now)
        record(session, event, now=now, actor=acting(person.person_id, person.display_name))
