"""Refresh tokens: each is good for one rotation, and a family ends when one comes back (RFC 9700 section 4.14.2).

The successor of a token is derived from it under the installation's secret, so that the direct predecessor can be
given the same successor again within the grace, while nothing is kept but fingerprints.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Table, bindparam, insert, select, update

from idp import opaque
from idp.accounts.models import Person
from idp.audit.events import RefreshTokenGraceUsed
from idp.audit.events import RefreshTokenReplayed as RefreshTokenReplay
from idp.audit.log import record
from idp.errors import InvalidGrant, RefreshTokenReplayed
from idp.tokens import codes, revocation
from idp.tokens.models import Grant, RefreshToken

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.audit.log import Actor
    from idp.settings import TokenSettings
    from idp.tokens.codes import GrantView
    from idp.vault import Secrets

PREFIX = "idpr_"
# Those of the token API: neither kind is taken where the other belongs.
API_PREFIX = "idpt_"

_tokens = cast("Table", RefreshToken.__table__)
_grants = cast("Table", Grant.__table__)
_people = cast("Table", Person.__table__)

_REFUSED = "The refresh token is not valid, has run out, was revoked, or was issued to another client."

# The client is part of the question: for anybody else the token does not exist, and trying changes nothing.
_FIND = select(
    *codes.VIEW_COLUMNS,
    _tokens.c.expires_at.label("token_expires_at"),
    _tokens.c.consumed_at.label("token_consumed_at"),
).where(
    _tokens.c.fingerprint == bindparam("fingerprint"),
    _grants.c.id == _tokens.c.grant_id,
    _grants.c.client_id == bindparam("client_id"),
    _grants.c.revoked_at.is_(None),
    _people.c.id == _grants.c.person_id,
    _people.c.disabled_at.is_(None),
)
_CONSUME = (
    update(_tokens)
    .where(_tokens.c.fingerprint == bindparam("presented"), _tokens.c.consumed_at.is_(None))
    .values(consumed_at=bindparam("present"))
)
# A grant revoked meanwhile is not touched, and its family gets no new member.
_TOUCH = (
    update(_grants)
    .where(_grants.c.id == bindparam("grant_id"), _grants.c.revoked_at.is_(None))
    .values(last_used_at=bindparam("present"))
)
_CONSUMED_AT = select(_tokens.c.fingerprint, _tokens.c.consumed_at).where(
    _tokens.c.fingerprint.in_([bindparam("presented"), bindparam("successor")])
)
_ISSUE = insert(_tokens)


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that a client presented, with the grant it belongs to; nothing is consumed yet."""

    token: str
    grant: GrantView


def issue(session: Session, grant: GrantView, *, limits: TokenSettings, now: datetime, prefix: str = PREFIX) -> str:
    """Return the first refresh token of *grant*."""
    token = prefix + opaque.token()
    _keep(session, token, grant, predecessor=None, limits=limits, now=now)
    return token


def find(session: Session, token: str, *, client_id: str, now: datetime, prefix: str = PREFIX) -> Presented:
    """Return what the refresh token of *client_id* stands for, without consuming it.

    Raises:
        InvalidGrant: unknown, run out, revoked, of a disabled person, or issued to another client.

    """
    row = session.execute(_FIND, {"fingerprint": opaque.fingerprint(token), "client_id": client_id}).first()
    if row is None or row.token_expires_at <= now or not token.startswith(prefix):
        raise InvalidGrant(_REFUSED)
    return Presented(token, codes.view(row))


def expiry(session: Session, token: str, *, client_id: str, now: datetime) -> tuple[GrantView, datetime] | None:
    """Return the grant of a refresh token that *client_id* could use now, and when it runs out; else ``None``."""
    row = session.execute(_FIND, {"fingerprint": opaque.fingerprint(token), "client_id": client_id}).first()
    if row is None or row.token_expires_at <= now or row.token_consumed_at is not None:
        return None
    return codes.view(row), row.token_expires_at


def rotate(
    session: Session, presented: Presented, *, secrets: Secrets, limits: TokenSettings, now: datetime, actor: Actor
) -> str:
    """Consume the presented token and return its one successor.

    Within ``limits.refresh_grace``, and while the successor is itself unused, the same token gets the same successor
    again: a client whose answer got lost, or that asked twice at once, stays signed in.

    Raises:
        RefreshTokenReplayed: it was rotated before; the whole family is revoked now.

    """
    successor = _successor(presented.token, secrets)
    fingerprint = opaque.fingerprint(presented.token)
    consumed = session.execute(_CONSUME, {"presented": fingerprint, "present": now})
    if cast("CursorResult[Any]", consumed).rowcount == 1:
        touched = session.execute(_TOUCH, {"grant_id": presented.grant.id, "present": now})
        if cast("CursorResult[Any]", touched).rowcount != 1:
            raise InvalidGrant(_REFUSED, detail=f"grant {presented.grant.id} was revoked meanwhile")
        _keep(session, successor, presented.grant, predecessor=fingerprint, limits=limits, now=now)
        return successor
    if not _in_grace(session, fingerprint, opaque.fingerprint(successor), limits.refresh_grace, now):
        _end_family(session, presented.grant, now, actor)
    event = RefreshTokenGraceUsed(
        target_id=presented.grant.client_id, grant_id=presented.grant.id, person_id=presented.grant.person_id
    )
    record(session, event, now=now, actor=actor)
    return successor


def revoke(session: Session, token: str, *, client_id: str, now: datetime) -> str | None:
    """Revoke the family of a refresh token of *client_id* (RFC 7009 section 2.1); return the grant's id if it lived."""
    row = session.execute(_FIND, {"fingerprint": opaque.fingerprint(token), "client_id": client_id}).first()
    if row is None or not revocation.revoke_grant(session, row.id, now=now):
        return None
    return str(row.id)


def _successor(token: str, secrets: Secrets) -> str:
    digest = hmac.new(secrets.derive("refresh successor"), token.encode(), hashlib.sha256).digest()
    prefix = API_PREFIX if token.startswith(API_PREFIX) else PREFIX
    return prefix + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _keep(
    session: Session, token: str, grant: GrantView, *, predecessor: str | None, limits: TokenSettings, now: datetime
) -> None:
    session.execute(
        _ISSUE,
        {
            "fingerprint": opaque.fingerprint(token),
            "grant_id": grant.id,
            "predecessor": predecessor,
            "created_at": now,
            "expires_at": min(now + limits.refresh_idle, grant.created_at + limits.refresh_max),
        },
    )


def _in_grace(session: Session, presented: str, successor: str, grace: timedelta, now: datetime) -> bool:
    """Tell whether *presented* was rotated within the grace and its direct successor has not been used yet."""
    if not grace:
        # Said outright: of two requests at once the later clock may already have been written.
        return False
    rows = session.execute(_CONSUMED_AT, {"presented": presented, "successor": successor})
    consumed_at = {row.fingerprint: row.consumed_at for row in rows}
    rotated_at = consumed_at.get(presented)
    if rotated_at is None or successor not in consumed_at or consumed_at[successor] is not None:
        return False
    return bool(rotated_at + grace > now)


def _end_family(session: Session, grant: GrantView, now: datetime, actor: Actor) -> None:
    revocation.revoke_grant(session, grant.id, now=now)
    event = RefreshTokenReplay(target_id=grant.client_id, grant_id=grant.id, person_id=grant.person_id)
    record(session, event, now=now, actor=actor)
    raise RefreshTokenReplayed(_REFUSED, detail=f"replayed; grant {grant.id} revoked")
