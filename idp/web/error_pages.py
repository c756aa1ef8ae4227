"""The one place where a refusal becomes a page, or JSON where machines call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import structlog
from flask import Blueprint, Flask, Response, current_app, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from idp.diagnosis import reasons
from idp.errors import IdpError, PageError
from idp.settings import Settings
from idp.web.current import service
from idp.web.hosts import WrongHost
from idp.web.request_ids import request_id
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.sansio.app import App

    from idp.diagnosis.reason import Reason

_LOG = structlog.get_logger("idp.errors")
_MACHINES = "idp-machine-blueprints"
_EXPLAINER = "idp-explainer"
_PLACES = "idp-error-places"
_SERVER_FAULT = 500

# What HTTP itself refuses, in words for people: title and sentence by status.
_WORDS = {
    400: (
        say("This request is malformed"),
        say("Something in the address or the form cannot be read. Go back and try again."),
    ),
    403: (say("This is not open to you"), say("You may not see this page.")),
    404: (say("There is no such page"), say("The address may be mistyped, or the page was moved.")),
    405: (say("This page cannot be used that way"), say("Open it from the page that links to it.")),
    411: (say("This request is malformed"), say("It does not say how long it is.")),
    413: (say("This is too large"), say("What was sent is larger than is accepted here.")),
    414: (say("This address is too long"), say("The address that led here is longer than is accepted.")),
    415: (say("This form cannot be read"), say("It was sent in a form that is not accepted here.")),
    429: (say("Too many requests"), say("Wait a moment, then try again.")),
    431: (
        say("This request is too large"),
        say("Your browser sent too much. Clearing the cookies of this site may help."),
    ),
    500: (
        say("Something went wrong on our side"),
        say("It is not your fault, and it has been noted. Try again in a moment."),
    ),
    501: (say("This request cannot be answered"), say("It asks for something that is not offered here.")),
    503: (say("This is not available right now"), say("Try again in a moment.")),
}
_OTHER = (say("This did not work"), say("Go back and try again."))


@dataclass(frozen=True, slots=True)
class Developer:
    """What the page tells whoever runs the app; ``compared`` is filled for administrators alone."""

    code: str
    owner: str
    fix: str
    client_id: str = ""
    # Names and values as they were sent.
    sent: tuple[tuple[str, str], ...] = ()
    # For administrators: the parameter that was compared, and the sent and the closest registered value in pieces, each
    # with whether the other lacks it.
    compared: str = ""
    marked: tuple[tuple[str, bool], ...] = ()
    closest: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """One explained error, as ``templates/errors/page.html`` shows it."""

    status: int
    title: str
    message: str
    retry_after: int | None = None
    # Where to go on: a label and an address of this site or the registered home page of the app.
    action_label: str = ""
    action_href: str = ""
    developer: Developer | None = None
    app_name: str = ""


class Explainer(Protocol):
    """Knows more about a refusal than this package may: the app, what it registered, who is looking."""

    def __call__(self, error: IdpError, reason: Reason) -> ErrorPage:
        """Return the page for *error*, having kept its reason under the request id where that is due."""


def explained_by(app: Flask, explainer: Explainer) -> None:
    """Let *explainer* make the pages of refusals that carry a reason."""
    app.extensions[_EXPLAINER] = explainer


def for_machines(bp: Blueprint) -> Blueprint:
    """Let every refusal of *bp* be answered as JSON (RFC 6749 section 5.2), never as a page."""
    bp.record_once(lambda state: state.app.extensions.setdefault(_MACHINES, set()).add(bp.name))
    return bp


def answered_by(app: App, prefix: str, answer: Callable[[HTTPException], Response]) -> None:
    """Let *answer* word what HTTP itself refuses below the path *prefix*, before any blueprint is found."""
    app.extensions.setdefault(_PLACES, {})[prefix] = answer


def is_machine() -> bool:
    """Tell whether a refusal of this request is to be JSON."""
    if request.endpoint is not None:
        return request.blueprint in current_app.extensions.get(_MACHINES, ())
    return "text/html" not in request.headers.get("Accept", "text/html")


def refused(error: IdpError) -> Response:
    """Answer a refusal of ours."""
    _LOG.info(
        "refused",
        error=type(error).__name__,
        status=error.status,
        reason=error.reason.code if error.reason else "",
        public=error.public,
        detail=error.detail,
    )
    if is_machine():
        return as_json(error.status, error.oauth_error, error.error_description, retry_after=error.retry_after)
    return render(_page_of(error))


def as_json(status: int, error: str, description: str, *, retry_after: int | None = None) -> Response:
    """Return an OAuth error as JSON (RFC 6749 section 5.2)."""
    body = {"error": error, "error_description": description}
    response = Response(json.dumps(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def render(page: ErrorPage) -> Response:
    """Return the page of an error."""
    response = Response(render_template("errors/page.html", error=page), page.status)
    if page.retry_after is not None:
        response.headers["Retry-After"] = str(page.retry_after)
    return response


def page_for(
    error: IdpError, reason: Reason, *, facts: Mapping[str, str] | None = None, app_name: str = ""
) -> ErrorPage:
    """Return the explained page for *error*: what happened, what was sent, and the rule."""
    sent = tuple((name, value) for name, value in (facts or {}).items() if value and name != "client_id")
    label, href = _way_on(error)
    return ErrorPage(
        status=error.status,
        title=reason.title_for(app_name),
        message=reason.public,
        retry_after=error.retry_after,
        action_label=label,
        action_href=href,
        developer=Developer(reason.code, reason.owner, reason.fix, (facts or {}).get("client_id", ""), sent),
        app_name=app_name,
    )


def _page_of(error: IdpError) -> ErrorPage:
    if error.reason is None:
        title, words = _WORDS.get(error.status, _OTHER)
        message = error.public if isinstance(error, PageError) else words
        return ErrorPage(error.status, title, message, error.retry_after)
    explainer: Explainer | None = current_app.extensions.get(_EXPLAINER)
    return explainer(error, error.reason) if explainer else page_for(error, error.reason, facts=error.facts)


def _way_on(error: IdpError) -> tuple[str, str]:
    if isinstance(error, WrongHost):
        issuer = service(Settings).issuer
        return say("Go to %(app)s", app=issuer.partition("://")[2]), issuer
    if error.reason is reasons.CSRF_EXPIRED and request.url_rule is not None and "GET" in _methods():
        # The same page, asked for anew, comes with a form that is good.
        return say("Try again"), request.full_path.removesuffix("?")
    return "", ""


def _methods() -> set[str]:
    adapter = current_app.url_map.bind("")
    return set(adapter.allowed_methods(request.path))


def stale_form(error: CSRFError) -> Response:
    """Answer a form whose token is missing or was another session's."""
    return refused(PageError(reasons.CSRF_EXPIRED.public, detail=str(error.description), reason=reasons.CSRF_EXPIRED))


def _http_refused(error: HTTPException) -> Response:
    if error.code is None or isinstance(error, RequestRedirect):
        return Response(error.get_response(request.environ).get_data(), error.code or _SERVER_FAULT)
    for prefix, answer in current_app.extensions.get(_PLACES, {}).items():
        if request.endpoint is None and request.path.startswith(prefix):
            return cast("Response", answer(error))
    title, words = _WORDS.get(error.code, _OTHER)
    if is_machine():
        name = "server_error" if error.code >= _SERVER_FAULT else "invalid_request"
        response = as_json(error.code, name, _sentence_for_machines(error, title, words))
    else:
        response = render(ErrorPage(error.code, title, words))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(set(error.valid_methods or ()) - {"HEAD"}))
    return response


def _sentence_for_machines(error: HTTPException, title: str, words: str) -> str:
    """Return what whoever programs against this server has to do, where that is known."""
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return f"Send this request by {' or '.join(sorted(set(error.valid_methods) - {'HEAD', 'OPTIONS'}))}."
    # Otherwise it is what Werkzeug says to everybody.
    is_ours = error.description is not None and error.description != type(error).description
    return str(error.description) if is_ours else f"{title}. {words}"


def _failed(error: Exception) -> Response:
    """Answer a fault of ours: the request id is all that is told of it."""
    _LOG.error("failed", exc_info=error, endpoint=request.endpoint or "")
    title, words = _WORDS[_SERVER_FAULT]
    if is_machine():
        return as_json(_SERVER_FAULT, "server_error", f"{title} ({request_id()}).")
    try:
        return render(
            ErrorPage(_SERVER_FAULT, title, words, action_label=say("Start page"), action_href=url_for("login.index"))
        )
    except Exception as again:  # noqa: BLE001 - the fault may lie in what pages are made with
        _LOG.error("error page failed", exc_info=again)
        return Response(f"{title}. Request {request_id()}.\n", _SERVER_FAULT, mimetype="text/plain")


def init_app(app: Flask) -> None:
    """Answer every refusal and every fault of *app*."""
    app.register_error_handler(IdpError, refused)
    app.register_error_handler(CSRFError, stale_form)
    app.register_error_handler(HTTPException, _http_refused)
    app.register_error_handler(Exception, _failed)
