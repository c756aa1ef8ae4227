"""Initial access tokens (RFC 7591 section 1.2): whoever holds one may register apps, so often and so long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from idp import opaque
from idp.audit.events import InitialAccessTokenMade, InitialAccessTokenRevoked
from idp.audit.log import Actor, record
from idp.clients.models import InitialAccessToken
from idp.errors import Conflict, FieldErrors, NotFound

PREFIX: Final = "idpi_"
LONGEST_LIFETIME: Final = timedelta(days=366)
USUAL_LIFETIME: Final = timedelta(days=7)
MOST_USES: Final = 100_000
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What may be known of a token after it was shown; ``state`` is ``live``, ``used up``, ``expired`` or ``revoked``.

    ``most_uses`` is ``None`` where it may be used any number of times until it runs out.
    """

    id: str
    name: str
    uses: int
    most_uses: int | None
    made_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    state: str


def make(
    session: Session, name: str, *, lifetime: timedelta, most_uses: int | None, actor: Actor, now: datetime
) -> tuple[TokenFacts, str]:
    """Make a token; return its facts, and the token itself, which cannot be read again.

    Raises:
        FieldErrors: naming ``name``, ``lifetime`` or ``most_uses``.

    """
    name = " ".join(name.split())
    faults = {}
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        faults["name"] = "Say in a few words who it is for."
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        faults["lifetime"] = f"Choose a time of at most {LONGEST_LIFETIME.days} days."
    if most_uses is not None and not 1 <= most_uses <= MOST_USES:
        faults["most_uses"] = f"Choose a number from 1 to {MOST_USES}."
    if faults:
        raise FieldErrors(faults)
    token = PREFIX + opaque.token()
    row = InitialAccessToken(
        id=opaque.new_id("iat"),
        fingerprint=opaque.fingerprint(token),
        name=name,
        uses=0,
        most_uses=most_uses,
        made_by=actor.name,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    event = InitialAccessTokenMade(
        target_id=row.id, target_name=name, most_uses=most_uses, expires_at=row.expires_at.isoformat()
    )
    record(session, event, now=now, actor=actor)
    return _facts(row, now), token


def every(session: Session, now: datetime) -> list[TokenFacts]:
    """Return all tokens, the newest first."""
    rows = session.execute(
        select(InitialAccessToken).order_by(InitialAccessToken.created_at.desc(), InitialAccessToken.id.desc())
    ).scalars()
    return [_facts(row, now) for row in rows]


def find(session: Session, token_id: str, now: datetime) -> TokenFacts:
    """Return the facts about one token.

    Raises:
        NotFound: there is none with this id.

    """
    return _facts(_found(session, token_id), now)


def revoke(session: Session, token_id: str, *, actor: Actor, now: datetime) -> TokenFacts:
    """End a token; the apps that it let in stay.

    Raises:
        NotFound: there is none with this id.
        Conflict: it was revoked before.

    """
    row = _found(session, token_id)
    ended = session.execute(
        update(InitialAccessToken)
        .where(InitialAccessToken.id == token_id, InitialAccessToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(InitialAccessToken.id)
    )
    if ended.first() is None:
        raise Conflict("This token was revoked before.")
    record(session, InitialAccessTokenRevoked(target_id=token_id, target_name=row.name), now=now, actor=actor)
    session.refresh(row)
    return _facts(row, now)


def look_up(session: Session, token: str, now: datetime) -> TokenFacts | None:
    """Return the facts about a token that may register one app more, or ``None``; nothing is counted."""
    row = session.execute(
        select(InitialAccessToken).where(InitialAccessToken.fingerprint == opaque.fingerprint(token))
    ).scalar_one_or_none()
    facts = None if row is None else _facts(row, now)
    return facts if facts is not None and facts.state == "live" else None


def spend(session: Session, token_id: str, now: datetime) -> bool:
    """Count one use, in the transaction of the registration; tell whether there was one left."""
    counted = session.execute(
        update(InitialAccessToken)
        .where(
            InitialAccessToken.id == token_id,
            InitialAccessToken.revoked_at.is_(None),
            InitialAccessToken.expires_at > now,
            or_(InitialAccessToken.most_uses.is_(None), InitialAccessToken.uses < InitialAccessToken.most_uses),
        )
        .values(uses=InitialAccessToken.uses + 1, last_used_at=now)
        .returning(InitialAccessToken.id)
    )
    return counted.first() is not None


def _found(session: Session, token_id: str) -> InitialAccessToken:
    row = session.get(InitialAccessToken, token_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such token.")
    return row


def _facts(row: InitialAccessToken, now: datetime) -> TokenFacts:
    if row.revoked_at is not None:
        state = "revoked"
    elif now >= row.expires_at:
        state = "expired"
    elif row.most_uses is not None and row.uses >= row.most_uses:
        state = "used up"
    else:
        state = "live"
    return TokenFacts(
        id=row.id,
        name=row.name,
        uses=row.uses,
        most_uses=row.most_uses,
        made_by=row.made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        state=state,
    )
