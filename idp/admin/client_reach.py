"""How far a client reaches: what stops working when it is disabled or deleted, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from idp.consents.models import Consent
from idp.sessions.models import BrowserSession, SessionClient
from idp.tokens.models import Grant


@dataclass(frozen=True, slots=True)
class Reach:
    """Live browser sessions that reached a client, its live grants, remembered consents, and the people behind them."""

    sessions: int
    grants: int
    consents: int
    people: int


def reach_of(session: Session, client_id: str, now: datetime) -> Reach:
    """Count what depends on *client_id* at *now*."""
    sessions = (
        select(BrowserSession.person_id)
        .join(SessionClient, SessionClient.session_id == BrowserSession.id)
        .where(SessionClient.client_id == client_id, BrowserSession.ended_at.is_(None), BrowserSession.expires_at > now)
    )
    grants = select(Grant.person_id).where(
        Grant.client_id == client_id, Grant.revoked_at.is_(None), Grant.expires_at > now
    )
    consents = select(Consent.person_id).where(Consent.client_id == client_id)
    counts = [
        session.execute(select(func.count()).select_from(one.subquery())).scalar_one()
        for one in (sessions, grants, consents, union(sessions, grants, consents))
    ]
    return Reach(*counts)
