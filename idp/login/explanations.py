"""The explained page of a refusal: the app by its name, what was sent, and to administrators what is registered.

Why a request of an app was refused is kept under the request id, for whoever asks about it afterwards.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from flask import Flask, request
from sqlalchemy.exc import SQLAlchemyError

from idp import clock
from idp.audit import refusals
from idp.cache import Cache
from idp.clients import store as clients
from idp.clients.launch import start_address
from idp.db import db, transaction
from idp.diagnosis import reasons
from idp.errors import IdpError
from idp.interactions import store as interactions
from idp.login.browser import bind_browser, current_session
from idp.settings import Settings
from idp.web import error_pages
from idp.web.current import service
from idp.web.error_pages import Developer, ErrorPage
from idp.web.request_ids import request_id
from idp.wording import say

if TYPE_CHECKING:
    from idp.clients.store import Client
    from idp.diagnosis.reason import Reason

_LOG = structlog.get_logger("idp.login")
# Where apps send people: what is refused there is kept.
_KEPT_AT = frozenset({"consent", "jwt_sso", "login", "login_passkey", "oidc_authorize", "oidc_end_session"})
_COMPARED = {"redirect_uri": "redirect_uris", "post_logout_redirect_uri": "post_logout_redirect_uris"}
_LONGEST_SENT = 500


def explain(error: IdpError, reason: Reason) -> ErrorPage:
    """Return the page for *error*; keep its reason when an app's request was refused."""
    if reason is reasons.CSRF_EXPIRED:
        error, reason = _gone() or (error, reason)
    client_id = error.facts.get("client_id", "")
    client = _client(client_id)
    if request.blueprint in _KEPT_AT:
        _keep(reason, {**error.facts, "client_name": client.name if client else ""})
    shown = {name: value[:_LONGEST_SENT] for name, value in error.facts.items() if name in refusals.FACTS}
    page = error_pages.page_for(
        error, reason, facts={**shown, "client_id": client_id}, app_name=client.name if client else ""
    )
    if client is None:
        # No app had a part in it: the developer's card would tell people nothing.
        return page if client_id or request.blueprint in _KEPT_AT else replace(page, developer=None)
    if not page.action_href:
        page = replace(page, action_label=say("Go to %(app)s", app=client.name), action_href=_home(client))
    if page.developer is not None and _is_administrator():
        page = replace(page, developer=_with_registered(page.developer, client))
    return page


def _gone() -> tuple[IdpError, Reason] | None:
    """Return why the request behind an old form cannot go on here, if that is so: trying again would not help."""
    interaction = request.args.get("interaction")
    if not interaction:
        return None
    try:
        with transaction() as session:
            interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    except IdpError as error:
        return (error, error.reason) if error.reason else None
    except SQLAlchemyError:
        return None
    return None


def _client(client_id: str) -> Client | None:
    if not client_id:
        return None
    try:
        return clients.find(service(Cache), db.session(), client_id)
    except SQLAlchemyError:
        # The page about one fault must not fail by another.
        return None


def _home(client: Client) -> str:
    """Return where the app is registered to begin; never an address that was sent."""
    if client.disabled:
        return ""
    return start_address(client.metadata, service(Settings).issuer) or ""


def _is_administrator() -> bool:
    view = current_session()
    return view is not None and view.is_admin


def _with_registered(developer: Developer, client: Client) -> Developer:
    for name, value in developer.sent:
        if name in _COMPARED:
            registered: tuple[str, ...] = getattr(client.metadata, _COMPARED[name])
            closest = difflib.get_close_matches(value, registered, n=1, cutoff=0.0)
            if not closest:
                break
            return replace(developer, compared=name, marked=_mark(value, closest[0]), closest=_mark(closest[0], value))
    return developer


def _mark(value: str, other: str) -> tuple[tuple[str, bool], ...]:
    """Return *value* in pieces, each with whether *other* lacks it."""
    matcher = difflib.SequenceMatcher(None, value, other, autojunk=False)
    pieces = [(value[start:end], kind != "equal") for kind, start, end, _, _ in matcher.get_opcodes()]
    return tuple((text, differs) for text, differs in pieces if text)


def _keep(reason: Reason, facts: dict[str, str]) -> None:
    try:
        with transaction() as session:
            refusals.keep(
                session,
                request_id=request_id(),
                reason=reason.code,
                endpoint=request.endpoint or "",
                facts=facts,
                now=clock.utc_now(),
            )
    except SQLAlchemyError:
        _LOG.warning("reason of a refusal not kept", reason=reason.code)


def init_app(app: Flask) -> None:
    """Explain the refusals of *app*."""
    error_pages.explained_by(app, explain)
