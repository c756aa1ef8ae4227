"""Signing out, asked for by an app (OpenID Connect RP-Initiated Logout) or by the person.

Both addresses ask the same question. The session ends first; the browser is sent on, or told so, afterwards. Offline
grants go on, as their name says; other access tokens run out within minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.audit import refusals
from idp.audit.events import PersonSignedOut
from idp.audit.log import record
from idp.db import commits_in_steps, transaction
from idp.diagnosis import reasons
from idp.errors import InvalidRequest, InvalidToken
from idp.interactions import store as interactions
from idp.login.actor import acting
from idp.login.browser import bind_browser, clear_session_cookie, current_session, forget_loaded_session
from idp.oidc import clients, hints
from idp.oidc.forms import FORM, from_elsewhere
from idp.oidc.subjects import subject_for
from idp.protocol import end_session, parameters
from idp.protocol.end_session import Decision, LogoutStep
from idp.sessions import store as sessions
from idp.vault import Secrets
from idp.web.current import service
from idp.web.headers import pending_page
from idp.web.navigation import NavEntry
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.interactions.models import Interaction
    from idp.protocol.parameters import Parameters
    from idp.sessions.store import SessionView

bp = Blueprint("oidc_end_session", __name__)

NAV = NavEntry(
    menu="account", label="Sign out", endpoint="oidc_end_session.end", icon="log-out", order=90, method="post"
)
METADATA = {"end_session_endpoint": "/logout"}

_KNOWN = frozenset({"client_id", "id_token_hint", "post_logout_redirect_uri", "state"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to sign out, the client that it is about, and what it leads to."""

    parameters: Parameters
    client: Client | None
    decision: Decision


@bp.get("/logout")
@commits_in_steps
def start() -> Response:
    """Sign out where the app has proven itself, ask the person where not."""
    given = parameters.read_urlencoded(request.query_string)
    given.require_sound()
    now = clock.utc_now()
    asked = _decide(given, now)
    if asked.decision.step is not LogoutStep.CONFIRM:
        return _go_on(asked, None, now)
    if not given.stored(_KNOWN):
        return _to_confirmation(None)
    return _to_confirmation(_keep(given, browser=bind_browser(), now=now))


@bp.post("/logout")
@from_elsewhere
@commits_in_steps
def start_by_post() -> Response:
    """Keep a request to sign out that came as a form, mostly from another site and so without our cookies."""
    if request.query_string or (request.content_length and request.mimetype != FORM):
        raise InvalidRequest("Send the parameters in the form alone.", reason=reasons.DUPLICATE_PARAMETER)
    given = parameters.read_urlencoded(request.get_data())
    given.require_sound()
    return _to_confirmation(_keep(given, browser=None, now=clock.utc_now()))


@bp.get("/logout/confirm")
@commits_in_steps
def confirm() -> Response:
    """Ask the person, or say that they are signed out."""
    now = clock.utc_now()
    waiting = _waiting(now)
    asked = _decide(_parameters_of(waiting), now)
    if asked.decision.step is LogoutStep.CONFIRM:
        _keep_reason(asked, now)
        pending_page()
        page = render_template(
            "oidc/sign_out.html",
            client_name=_name_of(asked),
            reason=asked.decision.reason,
            action=url_for("oidc_end_session.end", interaction=waiting.id if waiting else None),
        )
        return make_response(page)
    return _go_on(asked, waiting, now)


@bp.post("/logout/confirm")
@commits_in_steps
def end() -> Response:
    """Sign out, then go where the request leads."""
    now = clock.utc_now()
    waiting = _waiting(now)
    asked = _decide(_parameters_of(waiting), now)
    response = _to_confirmation(waiting)
    _sign_out(response, asked.decision.client_id, now)
    return response


def _go_on(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    """End the session where that is due, then lead to the app, or tell the person where none is proven."""
    decision = asked.decision
    if decision.redirect_to is not None:
        response = make_response(redirect(decision.redirect_to, code=302))
    else:
        _keep_reason(asked, now)
        page = render_template(
            "oidc/signed_out.html",
            client_name=_name_of(asked),
            link=decision.link_to,
            reason=decision.reason,
            signed_out_at=now,
        )
        response = make_response(page)
    if decision.step is LogoutStep.SIGN_OUT:
        _sign_out(response, decision.client_id, now)
    if waiting is not None and decision.redirect_to is not None:
        with transaction() as session:
            interactions.complete(session, waiting.id, now)
    return response


def _decide(given: Parameters, now: datetime) -> Asked:
    hint = None
    sent = given.get("id_token_hint")
    if sent is not None:
        try:
            hint = hints.read(sent, now=now)
        except InvalidToken:
            hint = None
    named = hint.client_id if hint else given.get("client_id")
    client = clients.find_enabled(named) if named else None
    person = current_session()
    sid = sessions.sid(service(Secrets), person.id, client.client_id) if person and client else None
    decision = end_session.decide(
        end_session.Situation(
            hint=hint,
            hint_sent=sent is not None,
            client_id=given.get("client_id"),
            post_logout_redirect_uri=given.get("post_logout_redirect_uri"),
            state=given.get("state"),
            registered=client.view.post_logout_redirect_uris if client else (),
            is_native=client.view.is_native if client else False,
            subject=_known_as(client, person),
            sid=sid,
        )
    )
    return Asked(given, client, decision)


def _known_as(client: Client | None, person: SessionView | None) -> str | None:
    """Return who is signed in, as the hints of *client* would name them."""
    if person is None:
        return None
    return person.person_id if client is None else subject_for(client, person.person_id)


def _sign_out(response: Response, client_id: str | None, now: datetime) -> None:
    person = current_session()
    if person is not None:
        event = PersonSignedOut(
            target_id=person.person_id,
            target_name=person.display_name,
            session_id=person.id,
            client_id=client_id or "",
        )
        with transaction() as session:
            sessions.end(session, person.id, now)
            record(session, event, now=now, actor=acting(person.person_id, person.display_name))
    clear_session_cookie(response)
    forget_loaded_session()


def _keep(given: Parameters, *, browser: str | None, now: datetime) -> Interaction:
    with transaction() as session:
        return interactions.begin(
            session,
            resume_endpoint="oidc_end_session.confirm",
            client_id=None,
            parameters=given.stored(_KNOWN),
            browser=browser,
            now=now,
        )


def _keep_reason(asked: Asked, now: datetime) -> None:
    """Keep what was wrong with the request, which goes on without what it asked for, under the request id."""
    if asked.decision.reason is None:
        return
    facts = {
        "client_id": asked.client.client_id if asked.client else "",
        "client_name": asked.client.name if asked.client else "",
        "post_logout_redirect_uri": asked.parameters.get("post_logout_redirect_uri"),
    }
    with transaction() as session:
        refusals.keep(
            session,
            request_id=request_id(),
            reason=asked.decision.reason.code,
            endpoint=request.endpoint or "",
            facts=facts,
            now=now,
        )


def _waiting(now: datetime) -> Interaction | None:
    waiting = request.args.get("interaction")
    if not waiting:
        return None
    with transaction() as session:
        return interactions.load(session, waiting, browser=bind_browser(), now=now)


def _parameters_of(waiting: Interaction | None) -> Parameters:
    stored = waiting.parameters if waiting and waiting.resume_endpoint == "oidc_end_session.confirm" else {}
    return parameters.from_stored(stored)


def _to_confirmation(waiting: Interaction | None) -> Response:
    address = url_for("oidc_end_session.confirm", interaction=waiting.id if waiting else None)
    return make_response(redirect(address, code=303))


def _name_of(asked: Asked) -> str | None:
    named = asked.client is not None and asked.client.client_id == asked.decision.client_id
    return asked.client.name if named and asked.client else None
