"""Ending what was issued before its time, and telling whether an access token is still good.

A grant is the root of everything made from it, so revoking it is one row: its code, its refresh tokens and its access
tokens (whose ``jti`` begins with the grant's id) are dead with it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Table, and_, bindparam, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.accounts.models import Person
from idp.protocol.access_token import grant_id_of
from idp.protocol.scopes import OFFLINE_ACCESS
from idp.tokens.models import Grant, RevokedToken

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

# Verifiers accept a token for this long after it ran out (RFC 8725 leaves the number to us).
CLOCK_LEEWAY = timedelta(seconds=60)

_grants = cast("Table", Grant.__table__)
_people = cast("Table", Person.__table__)
_revoked = cast("Table", RevokedToken.__table__)


def live_grant(grant_id: ColumnElement[str], jti: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which the token *jti* of a grant is alive, joining the grant with its person."""
    return (
        _grants.c.id == grant_id,
        _grants.c.revoked_at.is_(None),
        _people.c.id == _grants.c.person_id,
        _people.c.disabled_at.is_(None),
        ~select(_revoked.c.jti).where(_revoked.c.jti == jti).exists(),
    )


_LIVE_GRANT = select(_people.c.username).where(*live_grant(bindparam("grant_id"), bindparam("jti")))
_REVOKED_JTI = select(_revoked.c.jti).where(_revoked.c.jti == bindparam("jti"))


def revoke_grant(session: Session, grant_id: str, *, now: datetime) -> bool:
    """Revoke one grant with all that was made from it; tell whether it was live until now."""
    return _revoke(session, _grants.c.id == grant_id, now) == 1


def revoke_person(session: Session, person_id: str, *, now: datetime) -> int:
    """Revoke every live grant of a person; return how many there were."""
    return _revoke(session, _grants.c.person_id == person_id, now)


def revoke_client_of_person(session: Session, person_id: str, client_id: str, *, now: datetime) -> int:
    """Revoke every live grant of a person to one client; return how many there were."""
    return _revoke(session, (_grants.c.person_id == person_id) & (_grants.c.client_id == client_id), now)


def revoke_sessions(session: Session, session_ids: Collection[str], *, now: datetime) -> int:
    """Revoke every live grant that came from one of these browser sessions; return how many there were."""
    return _revoke(session, _grants.c.session_id.in_(session_ids), now)


def revoke_session(session: Session, session_id: str, person_id: str, *, now: datetime) -> int:
    """Revoke the live grants of one browser session but those with offline access; return how many there were."""
    # The person is named because grants are found by person.
    words = literal(" ") + _grants.c.scope + literal(" ")
    which = and_(
        _grants.c.person_id == person_id,
        _grants.c.session_id == session_id,
        ~words.contains(f" {OFFLINE_ACCESS} ", autoescape=True),
    )
    return _revoke(session, which, now)


def revoke_jti(session: Session, jti: str, *, expires_at: datetime) -> bool:
    """Revoke one access token alone, for as long as anybody might still accept it; tell whether that is news."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_revoked).values(jti=jti, expires_at=expires_at + CLOCK_LEEWAY)
    return session.execute(statement.on_conflict_do_nothing().returning(_revoked.c.jti)).first() is not None


def is_live(session: Session, jti: str) -> bool:
    """Tell whether an access token that verified and has not run out is neither revoked nor a disabled person's.

    The client's own state is the caller's to check: it reads clients through the cache.
    """
    grant_id = grant_id_of(jti)
    if grant_id is None:
        return session.execute(_REVOKED_JTI, {"jti": jti}).first() is None
    return live_username(session, grant_id, jti) is not None


def live_username(session: Session, grant_id: str, jti: str) -> str | None:
    """Return the name of the person whose live grant the token *jti* was made from, ``None`` when it is dead."""
    row = session.execute(_LIVE_GRANT, {"jti": jti, "grant_id": grant_id}).first()
    return None if row is None else row.username


def _revoke(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    statement = update(_grants).where(which, _grants.c.revoked_at.is_(None), _grants.c.expires_at > now)
    result = cast("CursorResult[Any]", session.execute(statement.values(revoked_at=now)))
    return result.rowcount
