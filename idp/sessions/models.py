"""Browser sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class BrowserSession(Base):
    """One signed-in browser; the cookie's value is kept as its fingerprint alone."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_person_id", "person_id"), Index("ix_sessions_expires_at", "expires_at"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    auth_time: Mapped[datetime]
    amr: Mapped[list[str]]
    acr: Mapped[str] = mapped_column(String(200))
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    # Absolute end; the idle limit is counted from last_seen_at.
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SessionClient(Base):
    """An app that one session reached."""

    __tablename__ = "session_clients"

    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    first_at: Mapped[datetime]


class KnownDevice(Base):
    """A browser (fingerprint of its cookie) from which a person has signed in before."""

    __tablename__ = "known_devices"

    browser: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
