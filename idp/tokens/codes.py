"""Authorization codes: issued with their grant, redeemed once (RFC 6749 section 4.1, RFC 7636)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from sqlalchemy import Table, bindparam, insert, select, update

from idp import opaque
from idp.audit.events import CodeReplayed
from idp.audit.log import record
from idp.errors import AuthorizationCodeReplayed, InvalidGrant
from idp.protocol import pkce
from idp.tokens import revocation
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.audit.log import Actor
    from idp.settings import TokenSettings

_grants = cast("Table", Grant.__table__)

_UNKNOWN = "The authorization code is not valid, or was issued to another client."
_REPLAYED = "The authorization code was used before."


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What a person granted: everything that tokens made from it will say."""

    client_id: str
    person_id: str
    session_id: str
    redirect_uri: str
    scope: str
    resources: tuple[str, ...]
    nonce: str | None
    # Base64url SHA-256 of the verifier (S256 is the only method).
    code_challenge: str | None
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    # Whether refresh tokens will be made from it, so that it lives longer than one access token.
    offline: bool
    # Single claims that were allowed, by where they are told (`idp.protocol.claims_request`).
    claims: dict[str, Any] | None = None
    # Without a code, what the authorization endpoint hands out itself is all that is made from it.
    has_code: bool = True


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as the token endpoint reads it."""

    id: str
    client_id: str
    person_id: str
    session_id: str
    scope: str
    resources: tuple[str, ...]
    nonce: str | None
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    created_at: datetime
    claims: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A grant that was just kept, and its code where it has one."""

    grant: GrantView
    code: str | None

    @property
    def code_alone(self) -> list[tuple[str, str]]:
        """What the authorization endpoint answers where nothing else is asked for."""
        return [] if self.code is None else [("code", self.code)]


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """A code as a client presents it."""

    code: str
    client_id: str
    redirect_uri: str
    code_verifier: str | None


VIEW_COLUMNS = (
    _grants.c.id,
    _grants.c.client_id,
    _grants.c.person_id,
    _grants.c.session_id,
    _grants.c.scope,
    _grants.c.resources,
    _grants.c.nonce,
    _grants.c.auth_time,
    _grants.c.amr,
    _grants.c.acr,
    _grants.c.created_at,
    _grants.c.claims,
)

# One statement decides: of any number of simultaneous redemptions the database lets one through, and a redemption
# by somebody else, with another address or another verifier, changes nothing. Null compares with null only.
_CONSUME = (
    update(_grants)
    .where(
        _grants.c.code_fingerprint == bindparam("presented_fingerprint"),
        _grants.c.client_id == bindparam("presented_client_id"),
        _grants.c.redirect_uri == bindparam("presented_redirect_uri"),
        _grants.c.code_challenge.is_not_distinct_from(bindparam("presented_challenge")),
        _grants.c.code_consumed_at.is_(None),
        _grants.c.code_expires_at > bindparam("present"),
        _grants.c.revoked_at.is_(None),
    )
    .values(code_consumed_at=bindparam("present"), last_used_at=bindparam("present"))
    .returning(*VIEW_COLUMNS)
)

_WHY_NOT = select(
    _grants.c.id,
    _grants.c.person_id,
    _grants.c.redirect_uri,
    _grants.c.code_challenge,
    _grants.c.code_consumed_at,
    _grants.c.code_expires_at,
).where(
    _grants.c.code_fingerprint == bindparam("presented_fingerprint"),
    _grants.c.client_id == bindparam("presented_client_id"),
)
_ISSUE = insert(_grants)


def issue(session: Session, new: NewGrant, *, limits: TokenSettings, access: timedelta, now: datetime) -> Issued:
    """Keep the grant *new* and return it with its authorization code, which is good once and for ``limits.code``.

    *access* is the longest that an access token made from it can live: the grant, which ends them all, outlives them.
    """
    code = opaque.token()
    lifetime = limits.refresh_max if new.offline else limits.code
    # The code of a grant without one is told to nobody, and used up from the beginning.
    used_at = None if new.has_code else now
    row = {
        "id": opaque.new_id("grt"),
        "client_id": new.client_id,
        "person_id": new.person_id,
        "session_id": new.session_id,
        "code_fingerprint": opaque.fingerprint(code),
        "code_expires_at": now + limits.code,
        "code_consumed_at": used_at,
        "redirect_uri": new.redirect_uri,
        "scope": new.scope,
        "resources": list(new.resources),
        "nonce": new.nonce,
        "claims": new.claims,
        "code_challenge": new.code_challenge,
        "auth_time": new.auth_time,
        "amr": list(new.amr),
        "acr": new.acr,
        "created_at": now,
        "expires_at": now + lifetime + access + revocation.CLOCK_LEEWAY,
        "last_used_at": used_at,
    }
    session.execute(_ISSUE, row)
    return Issued(_view(row), code if new.has_code else None)


def consume(session: Session, presented: PresentedCode, *, now: datetime, actor: Actor) -> GrantView:
    """Redeem a code, once; the client has proven who it is before.

    Raises:
        AuthorizationCodeReplayed: it was redeemed before; everything issued from it is revoked now.
        InvalidGrant: anything else, and nothing has changed.

    """
    values = {
        "presented_fingerprint": opaque.fingerprint(presented.code),
        "presented_client_id": presented.client_id,
        "presented_redirect_uri": presented.redirect_uri,
        "presented_challenge": pkce.presented_challenge(presented.code_verifier),
        "present": now,
    }
    row = session.execute(_CONSUME, values).first()
    if row is None:
        _refuse(session, presented, session.execute(_WHY_NOT, values).first(), now=now, actor=actor)
    return view(row)


def _refuse(session: Session, presented: PresentedCode, seen: Any, *, now: datetime, actor: Actor) -> NoReturn:  # noqa: ANN401 - a row of a Core statement is untyped
    """Say why; only a client that could have redeemed the code itself can end what was issued from it."""
    if seen is None:
        raise InvalidGrant(_UNKNOWN)
    if seen.redirect_uri != presented.redirect_uri:
        raise InvalidGrant("redirect_uri is not the one of the authorization request.")
    pkce.verify(presented.code_verifier, seen.code_challenge)
    if seen.code_consumed_at is None:
        raise InvalidGrant("The authorization code has run out, or was revoked.")
    revocation.revoke_grant(session, seen.id, now=now)
    event = CodeReplayed(target_id=presented.client_id, grant_id=seen.id, person_id=seen.person_id)
    record(session, event, now=now, actor=actor)
    raise AuthorizationCodeReplayed(_REPLAYED, detail=f"grant {seen.id} revoked")


def view(row: Any) -> GrantView:  # noqa: ANN401 - rows of a Core statement are untyped
    """Return the grant in *row*, which holds ``VIEW_COLUMNS`` at least."""
    return GrantView(
        id=row.id,
        client_id=row.client_id,
        person_id=row.person_id,
        session_id=row.session_id,
        scope=row.scope,
        resources=tuple(row.resources),
        nonce=row.nonce,
        auth_time=row.auth_time,
        amr=tuple(row.amr),
        acr=row.acr,
        created_at=row.created_at,
        claims=row.claims,
    )


def _view(row: dict[str, Any]) -> GrantView:
    kept = {name: row[name] for name in GrantView.__dataclass_fields__}
    return GrantView(**kept | {"resources": tuple(row["resources"]), "amr": tuple(row["amr"])})
