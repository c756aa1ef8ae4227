"""Grants (each with its authorization code), refresh tokens, revoked tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Grant(Base):
    """What one person granted one client in one authorization: the root of every token made from it.

    The authorization code is part of the row, since each grant has exactly one. Revoking the grant ends all of its
    refresh and access tokens; an access token names its grant as the part of ``jti`` before the dot.
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_person_id", "person_id", "client_id"),
        Index("ix_grants_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    # The browser session it came from; not a foreign key, since an offline grant outlives the session row.
    session_id: Mapped[str] = mapped_column(String(64))
    code_fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    code_expires_at: Mapped[datetime]
    code_consumed_at: Mapped[datetime | None]
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    resources: Mapped[list[str]]
    nonce: Mapped[str | None] = mapped_column(Text)
    # The claims parameter as it was understood (OpenID Connect Core section 5.5).
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    # Of the sign-in that the grant came from, carried through every refresh.
    auth_time: Mapped[datetime]
    amr: Mapped[list[str]]
    acr: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    # When nothing made from it can be alive any more: the row may be purged then.
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class RefreshToken(Base):
    """One refresh token of a grant's family, kept as its fingerprint."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index("ix_refresh_tokens_grant_id", "grant_id"),
        Index("ix_refresh_tokens_expires_at", "expires_at"),
    )

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"))
    # The fingerprint of the token it replaced.
    predecessor: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    # The earlier of the idle and the absolute limit.
    expires_at: Mapped[datetime]
    # When it was rotated, which made its one successor.
    consumed_at: Mapped[datetime | None]


class RevokedToken(Base):
    """An access token that was revoked before its time, by ``jti``, until it would have expired anyway."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[datetime]


class UsedAssertion(Base):
    """A client assertion that was used, by the fingerprint of its client and ``jti``, until it would expire anyway."""

    __tablename__ = "used_assertions"
    __table_args__ = (Index("ix_used_assertions_expires_at", "expires_at"),)

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]


class RedirectToken(Base):
    """A JWT handed over by the JWT redirect, by ``jti``, until it expires."""

    __tablename__ = "redirect_tokens"
    __table_args__ = (Index("ix_redirect_tokens_expires_at", "expires_at"),)

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
