"""Everything that is kept about a person, as one file for themselves."""

from __future__ import annotations

import json

from flask import Blueprint, Response, render_template

from idp import clock
from idp.account import kept
from idp.audit import account_events as events
from idp.audit.log import record
from idp.db import commits_in_steps, db, transaction
from idp.login.actor import actor
from idp.login.browser import signed_in
from idp.login.guards import login_required, recent_sign_in

bp = Blueprint("account_export", __name__, url_prefix="/account/export")


@bp.get("")
@login_required
@recent_sign_in
def index() -> str:
    """Say what the file holds."""
    return render_template("account/export.html")


@bp.post("")
@login_required
@recent_sign_in
@commits_in_steps
def download() -> Response:
    """Hand the file over."""
    view, now = signed_in(), clock.utc_now()
    with transaction() as session:
        event = events.AccountExported(target_id=view.person_id, target_name=view.username)
        record(session, event, now=now, actor=actor())
    text = json.dumps(kept.about(db.session(), view.person_id, now), ensure_ascii=False, indent=2)
    answer = Response(f"{text}\n", mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="account-{now:%Y%m%d-%H%M%S}.json"'
    return answer
