"""Why a request was refused, kept fourteen days under its request id for whoever asks about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from idp.audit.events import one_line
from idp.audit.models import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

KEPT = timedelta(days=14)
# The only facts that are kept: what a client sent that is no secret, and the rule that it broke.
FACTS = frozenset(
    {
        "acr_values",
        "client_name",
        "code_challenge_method",
        "delivery",
        "display",
        "error",
        "grant_type",
        "max_age",
        "method",
        "parameter",
        "post_logout_redirect_uri",
        "prompt",
        "redirect_uri",
        "resource",
        "response_mode",
        "response_type",
        "return_to",
        "rule",
        "scope",
    }
)


def keep(
    session: Session,
    *,
    request_id: str,
    reason: str,
    endpoint: str,
    facts: Mapping[str, object] | None = None,
    now: datetime,
) -> None:
    """Remember why the request *request_id* was refused; of *facts*, ``client_id`` and those in ``FACTS`` are kept."""
    facts = facts or {}
    kept = {name: one_line(str(value)) for name, value in facts.items() if name in FACTS and value is not None}
    values = {
        "request_id": one_line(request_id, 64),
        "at": now,
        "reason": one_line(reason, 64),
        "endpoint": one_line(endpoint, 64),
        "client_id": one_line(str(facts.get("client_id") or ""), 128),
        "facts": kept,
    }
    # A request is refused once: should its id come again, the first reason stays.
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(Refusal).values(**values).on_conflict_do_nothing())


def find(session: Session, request_id: str) -> Refusal | None:
    """Return why the request *request_id* was refused, if that is still known."""
    return session.execute(select(Refusal).where(Refusal.request_id == request_id)).scalar_one_or_none()


def purge(session: Session, now: datetime) -> int:
    """Forget refusals older than fourteen days; return how many."""
    result = session.execute(delete(Refusal).where(Refusal.at < now - KEPT))
    return result.rowcount if isinstance(result, CursorResult) else 0
