"""Codes sent by mail: six digits for one half-finished sign-in, good for ten minutes and five tries, taken once."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, update

from idp import opaque
from idp.factors.models import EmailCode

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.vault import Secrets

LIFETIME: Final = timedelta(minutes=10)
# Another one is sent no sooner.
SENT_EVERY: Final = timedelta(seconds=60)
DIGITS: Final = 6
_TRIES: Final = 5


def sent_at(session: Session, pending_id: str) -> datetime | None:
    """Return when a code was sent last."""
    row = session.get(EmailCode, pending_id)
    return row.sent_at if row is not None else None


def issue(session: Session, secrets: Secrets, pending_id: str, now: datetime) -> str | None:
    """Make a code in place of the one before; nothing when that was a moment ago."""
    row = session.get(EmailCode, pending_id, with_for_update=True, populate_existing=True)
    if row is not None and now - row.sent_at < SENT_EVERY:
        return None
    if row is not None:
        session.delete(row)
        session.flush()
    code = opaque.digits(DIGITS)
    session.add(
        EmailCode(
            pending_id=pending_id,
            mac=_mac(secrets, pending_id, code),
            failures=0,
            sent_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return code


def use(session: Session, secrets: Secrets, pending_id: str, code: str, now: datetime) -> bool:
    """Take *code* if it is the one that was sent last; a wrong one counts."""
    live = (
        EmailCode.pending_id == pending_id,
        EmailCode.consumed_at.is_(None),
        EmailCode.expires_at > now,
        EmailCode.failures < _TRIES,
    )
    taking = update(EmailCode).where(*live, EmailCode.mac == _mac(secrets, pending_id, code)).values(consumed_at=now)
    taken = cast("CursorResult[Any]", session.execute(taking.execution_options(synchronize_session=False)))
    if taken.rowcount == 1:
        return True
    counting = update(EmailCode).where(EmailCode.pending_id == pending_id).values(failures=EmailCode.failures + 1)
    session.execute(counting.execution_options(synchronize_session=False))
    return False


def _mac(secrets: Secrets, pending_id: str, code: str) -> str:
    return hmac.digest(secrets.derive("email codes"), f"{pending_id} {code}".encode(), "sha256").hex()
