"""Making an account by oneself, where that is open: the address comes first, and is verified by a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, render_template, request, url_for

from idp.db import commits_in_steps
from idp.errors import FieldErrors
from idp.invitations.signing_up import Wish
from idp.joining import asking
from idp.login.waiting import find_waiting
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from flask import Response

    from idp.login.waiting import Waiting

bp = Blueprint("register", __name__)


@bp.get("/register")
@commits_in_steps
def index() -> Response:
    """Ask for an address, or say how else people get in."""
    waiting = find_waiting()
    return _closed(waiting) if service(Settings).sign_up.mode == "invite" else _form(waiting, "", {})


@bp.post("/register")
@commits_in_steps
def ask() -> Response:
    """Mail a link; the page is the same whether the address has an account or not."""
    waiting, rules = find_waiting(), service(Settings).sign_up
    if rules.mode == "invite":
        return _closed(waiting)
    email = request.form.get("email", "").strip()
    wish = Wish(email, interaction_id=waiting.id or None, group_names=rules.groups)
    try:
        asking.ask(wish, domains=rules.domains if rules.mode == "domains" else None)
    except FieldErrors as faults:
        return _form(waiting, email, dict(faults.fields))
    again = url_for("register.index", interaction=waiting.id or None)
    sign_in = url_for("login.index", interaction=waiting.id or None)
    return make_response(render_template("join/sent.html", email=email, again=again, sign_in=sign_in))


def _form(waiting: Waiting, email: str, errors: dict[str, str]) -> Response:
    page = render_template(
        "join/register.html",
        waiting=waiting,
        action=url_for("register.ask", interaction=waiting.id or None),
        sign_in=url_for("login.index", interaction=waiting.id or None),
        email=email,
        domains=service(Settings).sign_up.domains if service(Settings).sign_up.mode == "domains" else (),
        errors=errors,
    )
    return make_response(page, 400 if errors else 200)


def _closed(waiting: Waiting) -> Response:
    sign_in = url_for("login.index", interaction=waiting.id or None)
    return make_response(render_template("join/closed.html", sign_in=sign_in), 403)
