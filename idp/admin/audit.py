"""The audit log: read, filter, export, and the check of its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for

from idp import clock
from idp.admin.audit_view import RANGES, RESULTS, FilterForm, days_of, detail_of
from idp.audit import entries, events, export, seals
from idp.audit.log import record
from idp.db import commits_in_steps, db, transaction
from idp.errors import NotFound
from idp.login.actor import actor
from idp.login.guards import admin_required, recent_sign_in
from idp.vault import Secrets
from idp.web.current import service
from idp.web.navigation import NavEntry

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")
NAV = NavEntry(
    menu="admin", label="Audit log", endpoint="admin_audit.index", icon="scroll-text", order=60, group="Security"
)

_FORMATS = {"csv": (export.as_csv, "text/csv"), "jsonl": (export.as_jsonl, "application/jsonl")}
# An entry's number has at most 19 digits (64 bits).
_MOST_DIGITS = 18


@bp.get("")
@admin_required
def index() -> str:
    """Show entries, newest first; ``event`` opens one of them."""
    session, now = db.session(), clock.utc_now()
    chosen = FilterForm.read(request.args)
    page = entries.page(session, chosen.meaning(now), older_than=_row("older"), newer_than=_row("newer"))
    opened = request.args.get("event", "")
    entry = next((entry for entry in page.entries if entry.id == opened), None)
    return render_template(
        "admin/audit/index.html",
        chosen=chosen,
        chosen_query=chosen.query,
        ranges=list(RANGES.items()),
        about=list(events.ABOUT.items()),
        results=list(RESULTS.items()),
        page=page,
        most_counted=entries.MOST_COUNTED,
        days=days_of(page.entries, now),
        opened=detail_of(entry, entries.hash_before(session, entry)) if entry else None,
        place=chosen.query | {name: row for name in ("older", "newer") if (row := _row(name)) is not None},
        check=seals.latest_check(session),
        seal=seals.latest_seal(session),
    )


@bp.get("/entries/<event_id>")
@admin_required
def show(event_id: str) -> AnyResponse:
    """Lead to the page of the log that holds one entry, with the entry open: an address that stays right."""
    entry = entries.find(db.session(), event_id)
    if entry is None:
        raise NotFound("There is no such entry.")
    return redirect(url_for("admin_audit.index", range="all", older=entry.row + 1, event=entry.id), 303)


@bp.post("/check")
@admin_required
@commits_in_steps
def check() -> AnyResponse:
    """Check the whole chain now."""
    report = seals.verify_chain(db.session(), service(Secrets))
    with transaction() as session:
        seals.remember(session, report, clock.utc_now())
    if report.is_intact:
        flash("Every sealed entry is as it was written.", "ok")
    else:
        flash(f"The chain breaks at entry {report.broken_at:,}.", "bad")
    return redirect(url_for("admin_audit.index"), 303)


@bp.post("/export")
@admin_required
@recent_sign_in
@commits_in_steps
def download() -> Response:
    """Hand over what the filter in the address lets through, as CSV or JSON Lines, line by line."""
    name = request.form.get("format", "")
    if name not in _FORMATS:
        raise NotFound("The log can be had as CSV or as JSON Lines.")
    now = clock.utc_now()
    with transaction() as session:
        record(session, events.AuditExported(format=name), now=now, actor=actor())
    write, mimetype = _FORMATS[name]
    chosen = FilterForm.read(request.args).meaning(now)
    lines = write(entries.stream(db.session(), chosen))
    answer = Response(stream_with_context(lines), mimetype=mimetype)
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{now:%Y%m%d-%H%M%S}.{name}"'
    return answer


def _row(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
