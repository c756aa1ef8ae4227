"""Passkeys, the challenges that they answer, and when a person was last offered one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Passkey(Base):
    """One public-key credential of one person; what is kept of it is public."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("ix_passkeys_person_id", "person_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    # Base64url of at most 1023 bytes.
    credential_id: Mapped[str] = mapped_column(String(1364), unique=True)
    # As the authenticator gave it: a COSE_Key.
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    aaguid: Mapped[str] = mapped_column(String(36))
    transports: Mapped[list[str]]
    # Whether it may be copied to other devices, and whether it has been.
    backup_eligible: Mapped[bool]
    backed_up: Mapped[bool]
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    # The browser and its system, as in the list of sessions.
    last_used_on: Mapped[str] = mapped_column(String(200), default="")


class PasskeyChallenge(Base):
    """What one answer of an authenticator has to sign; the challenge itself is kept nowhere."""

    __tablename__ = "passkey_challenges"
    __table_args__ = (
        Index("ix_passkey_challenges_browser", "browser", "created_at"),
        Index("ix_passkey_challenges_expires_at", "expires_at"),
    )

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    # The fingerprint of the browser cookie, and the session in which it was asked for; empty at sign-in.
    browser: Mapped[str] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PasskeyOffer(Base):
    """When a person was last asked, after signing in, whether they want a passkey."""

    __tablename__ = "passkey_offers"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    offered_at: Mapped[datetime]
