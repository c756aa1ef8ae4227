"""The authorization endpoint (RFC 6749 section 4.1, OpenID Connect Core section 3.1.2).

Whatever a request needs, the decision is made here and every page comes back here; no page leads to another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.clients.launch import start_address
from idp.db import commits_in_steps, transaction
from idp.diagnosis import reasons
from idp.errors import InvalidRequest, ProtocolError
from idp.interactions import store as interactions
from idp.keys.ring import KeyRing
from idp.login.browser import bind_browser
from idp.login.waiting import POPUP, show_as_asked, sign_in_address
from idp.oidc import encryption, front_channel, issuing, people, responses
from idp.oidc.forms import FORM, from_elsewhere
from idp.protocol import authorization_request, claims_request, parameters, scopes, steps
from idp.protocol.steps import Step
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import codes, lifetimes, restarts
from idp.tokens.codes import NewGrant
from idp.web.current import service
from idp.web.headers import in_popup

if TYPE_CHECKING:
    from datetime import datetime

    from idp.interactions.models import Interaction
    from idp.oidc.front_channel import Asked, Pending
    from idp.protocol.authorization_request import AuthorizationRequest
    from idp.protocol.claims import PersonView
    from idp.sessions.store import SessionView
    from idp.tokens.codes import Issued

bp = Blueprint("oidc_authorize", __name__)

METADATA = {"authorization_endpoint": "/oauth/authorize"}

_CODE_ALONE = "code"
_PAGES = {
    Step.CONSENT: "consent.index",
    Step.CHOOSE_ACCOUNT: "login_choosing.index",
    Step.CREATE_ACCOUNT: "register.index",
    Step.STEP_UP: "login_second.step_up",
    Step.ADD_PASSKEY: "login_passkey_needed.show",
}


@bp.get("/oauth/authorize")
@commits_in_steps
def start() -> Response:
    """Answer an authorization request, or keep it while a person signs in or decides."""
    asked = front_channel.asked(parameters.read_urlencoded(request.query_string))
    now = clock.utc_now()
    try:
        asked = front_channel.resolved(asked, now)
        response = _go_on(asked, None, now)
    except ProtocolError as error:
        response = responses.refusal(asked.client, error, asked.parameters)
    return _shown(asked, response)


@bp.post("/oauth/authorize")
@from_elsewhere
@commits_in_steps
def start_by_post() -> Response:
    """Keep an authorization request that came as a form, mostly from another site and so without our cookies.

    No cookie is read or set here: the GET that follows does both, and binds the request to the browser.
    """
    if request.query_string or request.mimetype != FORM:
        raise InvalidRequest(
            "Send the parameters in the form alone, as application/x-www-form-urlencoded.",
            reason=reasons.DUPLICATE_PARAMETER,
        )
    asked = front_channel.asked(parameters.read_urlencoded(request.get_data()))
    now = clock.utc_now()
    try:
        asked = front_channel.resolved(asked, now)
        front_channel.parsed(asked)
        response = _resume_later(_keep(asked, browser=None, now=now))
    except ProtocolError as error:
        response = responses.refusal(asked.client, error, asked.parameters)
    return _shown(asked, response)


@bp.get("/oauth/authorize/<interaction>")
@commits_in_steps
def resume(interaction: str) -> Response:
    """Go on with a request that waited for a person."""
    now = clock.utc_now()
    with transaction() as session:
        waiting = interactions.load(session, interaction, browser=bind_browser(), now=now)
    show_as_asked(waiting)
    asked = front_channel.asked_before(waiting)
    if waiting.completed_at is not None:
        return _already_answered(asked)
    try:
        return _go_on(asked, waiting, now)
    except ProtocolError as error:
        with transaction() as session:
            answered = interactions.complete(session, waiting.id, now)
        return responses.refusal(asked.client, error, asked.parameters) if answered else _already_answered(asked)


def _go_on(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    pending = front_channel.decide(asked, waiting, now)
    step = pending.decision.step
    if step is Step.ISSUE:
        return _issue(asked, pending, waiting, now)
    if step.is_refusal:
        raise steps.refusal(step)
    if waiting is None:
        waiting = _keep(asked, browser=bind_browser(), now=now)
    if step in _PAGES:
        return make_response(redirect(url_for(_PAGES[step], interaction=waiting.id), code=303))
    return make_response(redirect(sign_in_address(waiting, pending.person), code=303))


def _issue(asked: Asked, pending: Pending, waiting: Interaction | None, now: datetime) -> Response:
    authorization, person = pending.authorization, pending.person
    if person is None:
        raise steps.refusal(Step.REFUSE_LOGIN_REQUIRED)
    if "id_token" in authorization.issues:
        encryption.require_key(asked.client, now)
    new, settings = _new_grant(authorization, person, pending.decision.scopes), service(Settings)
    access = lifetimes.longest_access(asked.client, settings)
    is_plain, about = authorization.response_type == _CODE_ALONE, None
    with transaction() as session:
        # Signed out in another tab meanwhile: nobody would tell the client of that.
        is_here = sessions.note_client(session, person.id, authorization.client_id, now)
        if is_here and not is_plain:
            about = people.find_enabled(session, person.person_id, new.scope.split(), new.claims)
        if not is_here or not (is_plain or about):
            raise steps.refusal(Step.REFUSE_LOGIN_REQUIRED)
        # Last: a refusal is told to the client only by whoever finds the request not answered yet.
        if waiting is not None and not interactions.complete(session, waiting.id, now):
            return _already_answered(asked)
        issued = codes.issue(session, new, limits=settings.tokens, access=access, now=now)
        restarts.watch(session, service(KeyRing), authorization.client_id, person.person_id, now)
    try:
        pairs = _in_front(asked, pending, issued, about, now) if about else issued.code_alone
    except ProtocolError as error:
        # The request counts as answered, so nobody after us could tell.
        return responses.refusal(asked.client, error, asked.parameters)
    return responses.success(asked.client, authorization, pairs)


def _in_front(
    asked: Asked, pending: Pending, issued: Issued, about: PersonView, now: datetime
) -> list[tuple[str, str]]:
    """Return what a response type with more than a code is answered with; signed when no transaction is open."""
    authorization = pending.authorization
    granted = tuple(issued.grant.scope.split())
    issue = issuing.Issue(
        client=asked.client,
        grant=issued.grant,
        person=about,
        scopes=granted,
        resources=authorization.resources,
        refresh_token=None,
        now=now,
    )
    pairs = issuing.answer_in_front(issue, authorization.issues, issued.code)
    if "token" in authorization.issues and set(granted) != set(authorization.requested):
        pairs.append(("scope", " ".join(granted)))
    return pairs


def _new_grant(authorization: AuthorizationRequest, person: SessionView, granted: tuple[str, ...]) -> NewGrant:
    return NewGrant(
        client_id=authorization.client_id,
        person_id=person.person_id,
        session_id=person.id,
        redirect_uri=authorization.redirect_uri,
        scope=" ".join(claims_request.scopes_of(granted)),
        resources=authorization.resources,
        nonce=authorization.nonce,
        code_challenge=authorization.code_challenge,
        auth_time=person.auth_time,
        amr=person.amr,
        acr=authorization.acr.answer(person.acr),
        offline=scopes.OFFLINE_ACCESS in granted,
        claims=authorization.claims.kept(granted),
        has_code="code" in authorization.issues,
    )


def _keep(asked: Asked, *, browser: str | None, now: datetime) -> Interaction:
    with transaction() as session:
        return interactions.begin(
            session,
            resume_endpoint="oidc_authorize.resume",
            client_id=asked.client.client_id,
            parameters=asked.parameters.stored(authorization_request.KNOWN_PARAMETERS),
            browser=browser,
            now=now,
        )


def _resume_later(waiting: Interaction) -> Response:
    return make_response(redirect(url_for("oidc_authorize.resume", interaction=waiting.id), code=303))


def _shown(asked: Asked, response: Response) -> Response:
    """Return *response*, which is on the way to a proven address, as the window that it is asked for in needs it."""
    if asked.parameters.get("display") == POPUP:
        in_popup()
    return response


def _already_answered(asked: Asked) -> Response:
    """Lead on from a request that was answered before, as the back button finds it: to the app, or to a new start."""
    start = start_address(asked.client.metadata, service(Settings).issuer)
    if start is not None:
        return make_response(redirect(start, code=303))
    again = asked.parameters.stored(authorization_request.KNOWN_PARAMETERS - {"prompt", "max_age"})
    query = urlencode([(name, value) for name, values in again.items() for value in values])
    page = render_template(
        "oidc/finished.html", client_name=asked.client.name, again=f"{url_for('oidc_authorize.start')}?{query}"
    )
    return make_response(page)
