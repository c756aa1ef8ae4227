"""Removing what can no longer matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Table, delete, select

from idp.tokens.models import Grant, RedirectToken, RefreshToken, RevokedToken, UsedAssertion

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

# Refresh tokens go before their grants, so that no cascade is ever longer than a batch.
_TABLES = tuple(
    cast("Table", model.__table__) for model in (RefreshToken, Grant, RevokedToken, RedirectToken, UsedAssertion)
)


def purge(session: Session, now: datetime, *, batch: int = 500) -> int:
    """Delete up to *batch* rows of each kind that ran out before *now*; return how many went.

    The caller commits after each call and goes on while something goes: writers wait for one batch at most. A grant
    runs out after the last token that could have been made from it, so that reuse is noticed until then.
    """
    gone = 0
    for table in _TABLES:
        key = next(iter(table.primary_key.columns))
        old = select(key).where(table.c.expires_at < now).limit(batch)
        gone += cast("CursorResult[Any]", session.execute(delete(table).where(key.in_(old)))).rowcount
    return gone
