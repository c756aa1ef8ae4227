"""The plain JWT redirect: a person signs in here, and a signed JWT is handed to an address that the app registered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.db import commits_in_steps, db, transaction
from idp.diagnosis import reasons
from idp.errors import AccessDenied
from idp.interactions import store as interactions
from idp.interactions.models import Interaction
from idp.jwt_sso import front_channel, minting
from idp.jwt_sso.front_channel import KNOWN_PARAMETERS, Asked
from idp.keys.ring import KeyRing
from idp.login.browser import bind_browser
from idp.login.waiting import sign_in_address
from idp.protocol import parameters
from idp.protocol.redirect_uris import ResponseMode, append_parameters
from idp.protocol.steps import Step
from idp.sessions import store as sessions
from idp.sessions.store import SessionView
from idp.tokens import restarts
from idp.web.current import service
from idp.web.headers import pending_page

bp = Blueprint("jwt_sso", __name__, url_prefix="/sso")


@bp.get("/<client_id>")
@commits_in_steps
def start(client_id: str) -> Response:
    """Hand a token to the app, or keep the request while the person signs in or decides."""
    asked = front_channel.asked(client_id, parameters.read_urlencoded(request.query_string))
    if asked.delivery.is_discourse_connect and asked.question is None:
        # The forum has to ask, since its nonce must come back.
        return make_response(redirect(front_channel.forum_start(asked), code=303))
    return _go_on(asked, None, clock.utc_now())


@bp.get("/resume/<interaction>")
@commits_in_steps
def resume(interaction: str) -> Response:
    """Go on with a request that waited for a person."""
    now = clock.utc_now()
    with transaction() as session:
        waiting = interactions.load(session, interaction, browser=bind_browser(), now=now)
    if waiting.resume_endpoint != "jwt_sso.resume":
        return make_response(redirect(url_for(waiting.resume_endpoint, interaction=waiting.id), code=303))
    asked = front_channel.asked_before(waiting)
    if waiting.completed_at is not None:
        return _start_again(asked)
    return _go_on(asked, waiting, now)


def _go_on(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    pending = front_channel.decide(asked, waiting, now)
    step = pending.decision.step
    if step is Step.ISSUE and pending.person is not None:
        return _issue(asked, pending.person, pending.decision.scopes, waiting, now)
    if step.is_refusal:
        return _refuse(asked, waiting, now)
    if waiting is None:
        waiting = _keep(asked, now)
    if step is Step.CONSENT:
        return make_response(redirect(url_for("jwt_sso_consent.index", interaction=waiting.id), code=303))
    if step is Step.STEP_UP:
        return make_response(redirect(url_for("login_second.step_up", interaction=waiting.id), code=303))
    return make_response(redirect(sign_in_address(waiting, pending.person), code=303))


def _issue(
    asked: Asked, person: SessionView, granted: tuple[str, ...], waiting: Interaction | None, now: datetime
) -> Response:
    minted = minting.mint(db.session(), asked, person, granted, now)
    with transaction() as session:
        if waiting is not None and not interactions.complete(session, waiting.id, now):
            return _start_again(asked)
        client_id = asked.client.client_id
        minting.record(session, minted, client_id=client_id, person_id=person.person_id, now=now)
        if not sessions.note_client(session, person.id, client_id, now):
            # Signed out in another tab meanwhile.
            return _start_again(asked)
        restarts.watch(session, service(KeyRing), client_id, person.person_id, now)
    return _deliver(asked, minted.fields)


def _deliver(asked: Asked, fields: tuple[tuple[str, str], ...]) -> Response:
    """Send what was signed, and beside it what the app sent, to the one registered address."""
    delivery = asked.delivery
    pairs = [*fields, *front_channel.echoed(asked)]
    mode = ResponseMode(delivery.delivery)
    if mode is ResponseMode.FORM_POST:
        pending_page()
        response = make_response(render_template("oidc/form_post.html", action=delivery.delivery_uri, fields=pairs))
    else:
        response = make_response(redirect(append_parameters(delivery.delivery_uri, pairs, mode), code=303))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _refuse(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    if waiting is not None:
        with transaction() as session:
            interactions.complete(session, waiting.id, now)
    facts = {"client_id": asked.client.client_id}
    raise AccessDenied(reasons.CONSENT_DENIED.public, reason=reasons.CONSENT_DENIED, facts=facts)


def _keep(asked: Asked, now: datetime) -> Interaction:
    browser = bind_browser()
    with transaction() as session:
        return interactions.begin(
            session,
            resume_endpoint="jwt_sso.resume",
            client_id=asked.client.client_id,
            parameters=asked.parameters.stored(KNOWN_PARAMETERS),
            browser=browser,
            now=now,
        )


def _start_again(asked: Asked) -> Response:
    """Begin anew from a request that was answered before, as the back button finds it: it ends at the app again."""
    again: dict[str, Any] = {
        name: asked.parameters[name] for name in sorted(KNOWN_PARAMETERS) if name in asked.parameters
    }
    return make_response(redirect(url_for("jwt_sso.start", client_id=asked.client.client_id, **again), code=303))
