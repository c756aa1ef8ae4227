"""Challenges: made for one purpose in one browser, answered once, within five minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, delete, select

from idp import opaque
from idp.passkeys.models import PasskeyChallenge

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

LIFETIME = timedelta(minutes=5)
MOST_PER_BROWSER = 20

# What an answer is good for, and nothing else.
SIGN_IN, CONFIRM, SECOND_STEP = "sign in", "confirm", "second step"
REGISTER, REGISTER_QUIETLY, JOIN = "register", "register quietly", "join"


def begin(session: Session, purpose: str, *, browser: str, session_id: str = "", now: datetime) -> str:
    """Return a new challenge (base64url); of one browser's, the oldest beyond twenty are dropped."""
    challenge = opaque.token()
    session.add(
        PasskeyChallenge(
            fingerprint=opaque.fingerprint(challenge),
            purpose=purpose,
            browser=browser,
            session_id=session_id,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    _drop_oldest(session, browser)
    return challenge


def consume(
    session: Session, challenge: str, purpose: str, *, browser: str | None, session_id: str = "", now: datetime
) -> bool:
    """End *challenge*; of any number of answers to it, one gets ``True``, and only where and for what it was made."""
    gone = session.execute(
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.fingerprint == opaque.fingerprint(challenge),
            PasskeyChallenge.purpose == purpose,
            PasskeyChallenge.browser == (browser or ""),
            PasskeyChallenge.session_id == session_id,
            PasskeyChallenge.expires_at > now,
        )
        .execution_options(synchronize_session=False)
    )
    return _count(gone) > 0


def purge(session: Session, now: datetime) -> int:
    """Delete challenges that have run out; return how many."""
    gone = delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now)
    return _count(session.execute(gone.execution_options(synchronize_session=False)))


def _drop_oldest(session: Session, browser: str) -> None:
    of_browser = select(PasskeyChallenge.fingerprint).where(PasskeyChallenge.browser == browser)
    newest_first = of_browser.order_by(PasskeyChallenge.created_at.desc(), PasskeyChallenge.fingerprint)
    old = list(session.execute(newest_first.offset(MOST_PER_BROWSER)).scalars())
    if old:
        gone = delete(PasskeyChallenge).where(PasskeyChallenge.fingerprint.in_(old))
        session.execute(gone.execution_options(synchronize_session=False))


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
