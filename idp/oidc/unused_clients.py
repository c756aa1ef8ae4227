"""Apps that anybody could register, and that nobody uses: they go after a while (R07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from idp.audit.log import SYSTEM
from idp.clients import administration
from idp.clients.models import ClientRegistration, ClientRow, ClientSecret
from idp.consents.models import Consent
from idp.sessions.models import SessionClient
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

# As many as one transaction deletes; the rest has time until the next run.
_AT_ONCE: Final = 200


def purge(session: Session, now: datetime, *, keep: timedelta) -> int:
    """Delete clients that registered without a token more than *keep* ago and were never used; return how many.

    Used is what somebody consented to, signed in to or holds tokens of, and what has sent its secret.
    """
    used = (
        select(Consent.client_id).where(Consent.client_id == ClientRow.client_id),
        select(Grant.client_id).where(Grant.client_id == ClientRow.client_id),
        select(SessionClient.client_id).where(SessionClient.client_id == ClientRow.client_id),
        select(ClientSecret.client_id).where(
            ClientSecret.client_id == ClientRow.client_id, ClientSecret.last_used_at.is_not(None)
        ),
    )
    unused = session.execute(
        select(ClientRow.client_id)
        .join(ClientRegistration, ClientRegistration.client_id == ClientRow.client_id)
        .where(
            ClientRegistration.initial_token_id.is_(None),
            ClientRow.created_at < now - keep,
            *(~one.exists() for one in used),
        )
        .order_by(ClientRow.client_id)
        .limit(_AT_ONCE)
    ).scalars()
    count = 0
    for client_id in list(unused):
        administration.delete(session, client_id, grants=0, people=0, actor=SYSTEM, now=now)
        count += 1
    return count
