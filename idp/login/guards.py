"""Who may come in: decorators for views, and the rule that whole areas are closed unless opened."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import MethodNotAllowed, NotFound

from idp import clock
from idp.db import transaction
from idp.diagnosis import reasons
from idp.errors import Forbidden
from idp.interactions import store as interactions
from idp.login import second_step
from idp.login.browser import bind_browser, current_session
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response

    from idp.sessions.store import SessionView

Called = TypeVar("Called", bound="Callable[..., Any]")
# Blueprints whose every page is for administrators, or for somebody signed in, whether or not its view says so.
_ADMIN, _SIGNED_IN = "admin_", ("account_", "developer_")
_LONGEST_PATH = 2000


def login_required(view: Called) -> Called:
    """Ask whoever is not signed in to sign in, and come back."""
    return _guarded(view, _signed_in)


def admin_required(view: Called) -> Called:
    """Let administrators in; others are asked to sign in, or told that this is not for them."""
    return _guarded(view, _administrator)


def recent_sign_in(view: Called) -> Called:
    """Ask who it is once more when the sign-in is older than ``IDP_SESSION__REAUTH``, or left the second factor out."""
    return _guarded(view, _recently)


def needs_reauth() -> bool:
    """Tell whether the present session has proven less, or longer ago, than actions that matter allow."""
    view = current_session()
    return view is None or is_long_ago(view) or second_step.is_half_shown(view)


def is_long_ago(view: SessionView) -> bool:
    """Tell whether the session *view* signed in longer ago than actions that matter allow."""
    return clock.utc_now() - view.auth_time > service(Settings).session.reauth


def is_own_path(path: str) -> bool:
    """Tell whether *path* can only lead to this site: one slash, then nothing that a browser could read as a host."""
    return (
        path.startswith("/")
        and len(path) <= _LONGEST_PATH
        and not path.startswith("//")
        and "\\" not in path
        # Browsers drop tabs and line breaks from addresses, so "/\t/evil" is "//evil".
        and all("!" <= letter <= "~" for letter in path)
    )


def send_to(endpoint: str) -> Response:
    """Send the browser to *endpoint*, a page that asks who somebody is, from where it comes back to this page."""
    path = _path_to_return_to()
    if path == "/" and endpoint == "login.index":
        # Where a sign-in leads anyhow: nothing has to be remembered.
        return redirect(url_for(endpoint), code=303)
    browser = bind_browser()
    with transaction() as session:
        interaction = interactions.begin(
            session,
            resume_endpoint="login.resume_page",
            client_id=None,
            parameters={"path": path},
            browser=browser,
            now=clock.utc_now(),
        )
    return redirect(url_for(endpoint, interaction=interaction.id), code=303)


def _path_to_return_to() -> str:
    """Return this page's address, or that of the page which the refused form stands on."""
    path = request.full_path.removesuffix("?") if request.method == "GET" else request.path
    if request.method != "GET":
        try:
            current_app.url_map.bind("").match(request.path, method="GET")
        except (NotFound, MethodNotAllowed):
            # The form is shown one level up: /account/sessions/<id>/end stands on /account/sessions.
            path = _nearest_page(request.path)
    return path if is_own_path(path) else "/"


def _nearest_page(path: str) -> str:
    adapter = current_app.url_map.bind("")
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        try:
            adapter.match(path, method="GET")
        except (NotFound, MethodNotAllowed):
            continue
        return path
    return "/"


def _signed_in() -> Response | None:
    view = current_session()
    if view is None:
        return send_to("login.index")
    # A group or a setting may ask for two factors since this session began.
    return send_to("login_second.step_up") if second_step.is_too_weak(view) else None


def _administrator() -> Response | None:
    view = current_session()
    if view is not None and not view.is_admin:
        raise Forbidden(reasons.NOT_ALLOWED.public, reason=reasons.NOT_ALLOWED)
    return _signed_in()


def _recently() -> Response | None:
    if current_session() is None:
        return send_to("login.index")
    return send_to("login.reauth") if needs_reauth() else None


def _guarded(view: Called, check: Callable[[], Response | None]) -> Called:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the view takes and returns
        refused = check()
        return view(*args, **kwargs) if refused is None else refused

    return cast("Called", guarded)


def _deny_by_default() -> Response | None:
    area = request.blueprint or ""
    if area.startswith(_ADMIN):
        return _administrator()
    return _signed_in() if area.startswith(_SIGNED_IN) else None


def init_app(app: Flask) -> None:
    """Close the administrators' and the people's own pages to everybody else."""
    app.before_request(_deny_by_default)
