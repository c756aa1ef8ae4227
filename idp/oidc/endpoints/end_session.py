"""Signing out, asked for by an app (OpenID Connect RP-Initiated Logout) or by the person.

Both addresses ask the same question. The session ends first, together with the grants that were not meant to outlive
it; the apps that it reached are told afterwards, and the browser is sent on or told so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from idp import clock
from idp.db import commits_in_steps, transaction
from idp.diagnosis import reasons
from idp.errors import InvalidRequest
from idp.interactions import store as interactions
from idp.login.browser import bind_browser, clear_session_cookie, current_session, forget_loaded_session
from idp.login.waiting import show_as_asked
from idp.oidc import sign_out
from idp.oidc.forms import FORM, from_elsewhere
from idp.protocol import parameters
from idp.protocol.end_session import LogoutStep
from idp.web.csrf import csrf
from idp.web.headers import pending_page
from idp.web.navigation import NavEntry
from idp.web.request_ids import request_id
from idp.wording import say

if TYPE_CHECKING:
    from datetime import datetime

    from idp.interactions.models import Interaction
    from idp.oidc.sign_out import Asked
    from idp.protocol.parameters import Parameters

bp = Blueprint("oidc_end_session", __name__)

NAV = NavEntry(
    menu="account", label=say("Sign out"), endpoint="oidc_end_session.end", icon="log-out", order=90, method="post"
)
METADATA = {
    "end_session_endpoint": "/logout",
    "backchannel_logout_supported": True,
    "backchannel_logout_session_supported": True,
    "frontchannel_logout_supported": True,
    "frontchannel_logout_session_supported": True,
}


@bp.get("/logout")
@commits_in_steps
def start() -> Response:
    """Sign out where the app has proven itself, ask the person where not."""
    given = parameters.read_urlencoded(request.query_string)
    given.require_sound()
    now = clock.utc_now()
    asked = sign_out.decide(given, now)
    if asked.decision.step is not LogoutStep.CONFIRM:
        return _go_on(asked, None, now)
    if not given.stored(sign_out.KNOWN):
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
    asked = sign_out.decide(_parameters_of(waiting), now)
    if asked.decision.step is not LogoutStep.CONFIRM:
        return _go_on(asked, waiting, now)
    sign_out.keep_reason(asked, now)
    pending_page()
    page = render_template(
        "oidc/sign_out.html",
        client_name=asked.client_name,
        reason=asked.decision.reason,
        action=url_for("oidc_end_session.end", interaction=waiting.id if waiting else None),
    )
    return make_response(page)


@bp.post("/logout/confirm")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF is untyped
@commits_in_steps
def end() -> Response:
    """Sign out, then go where the request leads."""
    if current_session() is not None:
        # Where nobody is signed in any more there is nothing to protect, and a second click is not to be refused.
        csrf.protect()
    now = clock.utc_now()
    waiting = _waiting(now)
    return _leave(sign_out.decide(_parameters_of(waiting), now), waiting, now)


def _go_on(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    """End the session where that is due, then lead to the app, or tell the person where none is proven."""
    if asked.decision.step is LogoutStep.SIGN_OUT:
        return _leave(asked, waiting, now)
    _complete(asked, waiting, now)
    if asked.decision.redirect_to is not None:
        return make_response(redirect(asked.decision.redirect_to, code=303))
    sign_out.keep_reason(asked, now)
    page = render_template(
        "oidc/signed_out.html",
        client_name=asked.client_name,
        link=asked.decision.link_to,
        continues=False,
        reason=asked.decision.reason,
        signed_out_at=None,
        apps=[],
        again=None,
        frames=[],
        kept_id=request_id(),
    )
    return make_response(page)


def _leave(asked: Asked, waiting: Interaction | None, now: datetime) -> Response:
    """End the session, then lead to the app at once where this browser has nobody to tell, else to the receipt."""
    sign_out.keep_reason(asked, now)
    receipt = sign_out.end_here(asked, now)
    if receipt is None:
        # It ended meanwhile, in another tab.
        response = _to_confirmation(waiting)
    elif asked.decision.redirect_to is not None and not receipt.needs_browser:
        response = make_response(redirect(asked.decision.redirect_to, code=303))
    else:
        tags = asked.parameters.get("ui_locales")
        address = url_for("oidc_signed_out.show", receipt=receipt.token, ui_locales=tags)
        response = make_response(redirect(address, code=303))
    if receipt is not None:
        _complete(asked, waiting, now)
    clear_session_cookie(response)
    forget_loaded_session()
    return response


def _complete(asked: Asked, waiting: Interaction | None, now: datetime) -> None:
    if waiting is not None and asked.decision.redirect_to is not None:
        with transaction() as session:
            interactions.complete(session, waiting.id, now)


def _keep(given: Parameters, *, browser: str | None, now: datetime) -> Interaction:
    with transaction() as session:
        return interactions.begin(
            session,
            resume_endpoint="oidc_end_session.confirm",
            client_id=None,
            parameters=given.stored(sign_out.KNOWN),
            browser=browser,
            now=now,
        )


def _waiting(now: datetime) -> Interaction | None:
    waiting = request.args.get("interaction")
    if not waiting:
        return None
    with transaction() as session:
        found = interactions.load(session, waiting, browser=bind_browser(), now=now)
    show_as_asked(found)
    return found


def _parameters_of(waiting: Interaction | None) -> Parameters:
    stored = waiting.parameters if waiting and waiting.resume_endpoint == "oidc_end_session.confirm" else {}
    return parameters.from_stored(stored)


def _to_confirmation(waiting: Interaction | None) -> Response:
    address = url_for("oidc_end_session.confirm", interaction=waiting.id if waiting else None)
    return make_response(redirect(address, code=303))
