"""The consent page of the JWT redirect: the same page and the same memory as everywhere, another way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.audit.events import ConsentDenied, ConsentGranted
from idp.audit.log import record
from idp.consents import store as consents
from idp.consents.lines import lines_for
from idp.db import commits_in_steps, db, transaction
from idp.interactions import store as interactions
from idp.interactions.models import Interaction
from idp.jwt_sso import front_channel
from idp.jwt_sso.front_channel import Asked, Pending
from idp.login.actor import acting
from idp.login.browser import bind_browser
from idp.login.waiting import show_as_asked
from idp.protocol.steps import Step
from idp.sessions.store import SessionView
from idp.web.headers import pending_page

bp = Blueprint("jwt_sso_consent", __name__, url_prefix="/sso/consent")


@dataclass(frozen=True, slots=True)
class Question:
    """A pending request that waits for this person's answer."""

    waiting: Interaction
    asked: Asked
    pending: Pending
    person: SessionView


@bp.get("/<interaction>")
@commits_in_steps
def index(interaction: str) -> Response:
    """Show what the app asks for."""
    question = _question(interaction, clock.utc_now())
    if question is None:
        return _back(interaction)
    pending_page()
    decision, client = question.pending.decision, question.asked.client
    page = render_template(
        "consents/index.html",
        client=client,
        required=lines_for(db.session(), question.person.person_id, decision.scopes, question.pending.remembered),
        optional=[],
        next_stop=urlsplit(question.asked.delivery.delivery_uri).hostname or client.name,
        action=url_for("jwt_sso_consent.decide", interaction=interaction),
        other_account=url_for("login.index", interaction=interaction),
    )
    return make_response(page)


@bp.post("/<interaction>")
@commits_in_steps
def decide(interaction: str) -> Response:
    """Keep the answer, and go back to the request; what was asked for comes from the server's own record."""
    now = clock.utc_now()
    question = _question(interaction, now)
    if question is not None:
        _keep_answer(question, now, allowed=request.form.get("decision") == "allow")
    return _back(interaction)


def _question(interaction: str, now: datetime) -> Question | None:
    """Return what waits for an answer; nothing where the request needs another step, or none."""
    with transaction() as session:
        waiting = interactions.load(session, interaction, browser=bind_browser(), now=now)
    show_as_asked(waiting)
    if waiting.resume_endpoint != "jwt_sso.resume" or waiting.completed_at is not None:
        return None
    asked = front_channel.asked_before(waiting)
    pending = front_channel.decide(asked, waiting, now)
    if pending.decision.step is not Step.CONSENT or pending.person is None:
        return None
    return Question(waiting, asked, pending, pending.person)


def _keep_answer(question: Question, now: datetime, *, allowed: bool) -> None:
    person, client, asked = question.person, question.asked.client, question.pending.decision.scopes
    kind = ConsentGranted if allowed else ConsentDenied
    with transaction() as session:
        if allowed:
            interactions.consented(session, question.waiting, asked, person.person_id)
            consents.remember(session, person.person_id, client.client_id, asked, now=now)
        else:
            interactions.denied(session, question.waiting, person.person_id, now)
        event = kind(target_id=client.client_id, target_name=client.name, scopes=asked)
        record(session, event, now=now, actor=acting(person.person_id, person.display_name))


def _back(interaction: str) -> Response:
    return make_response(redirect(url_for("jwt_sso.resume", interaction=interaction), code=303))
