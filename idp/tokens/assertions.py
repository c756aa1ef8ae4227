"""Client assertions that were used: each is good once, whichever process it comes to (T21, T22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from idp import opaque
from idp.tokens.models import UsedAssertion

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_used = cast("Table", UsedAssertion.__table__)


def use(session: Session, client_id: str, jti: str, *, expires_at: datetime) -> bool:
    """Use the assertion *jti* of a client up; tell whether it was unused until now.

    It is remembered until *expires_at*, from when on it would be refused as expired anyway.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # The length keeps one client's identifier from running into another's jti.
    fingerprint = opaque.fingerprint(f"{len(client_id)}:{client_id}:{jti}")
    statement = dialect.insert(_used).values(fingerprint=fingerprint, expires_at=expires_at)
    added = session.execute(statement.on_conflict_do_nothing().returning(_used.c.fingerprint))
    return added.first() is not None
