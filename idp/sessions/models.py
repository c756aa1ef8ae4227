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
    # While the person secures their account from here: the entry of the audit log that it began with.
    securing: Mapped[str | None] = mapped_column(String(64))


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


class PendingSignIn(Base):
    """A sign-in that is half finished: somebody proved something, and more is asked for. It opens nothing.

    The browser holds its value in a cookie of its own, kept as the fingerprint alone; ``browser`` is the fingerprint of
    the browser cookie.
    """

    __tablename__ = "pending_sign_ins"
    __table_args__ = (
        Index("ix_pending_sign_ins_fingerprint", "fingerprint", unique=True),
        Index("ix_pending_sign_ins_person_id", "person_id"),
        Index("ix_pending_sign_ins_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    # What the password was then: another one ends this.
    password_changed_at: Mapped[datetime | None]
    # The request that it is for; empty for a sign-in that leads to the start page.
    interaction_id: Mapped[str] = mapped_column(String(64), default="")
    # The live session that is to be confirmed or raised; empty where a new one is to begin.
    session_id: Mapped[str] = mapped_column(String(64), default="")
    # What was proven so far.
    method: Mapped[str] = mapped_column(String(200))
    amr: Mapped[list[str]]
    acr: Mapped[str] = mapped_column(String(200))
    # What is still asked for, in this order; and how often that has changed.
    outstanding: Mapped[list[str]]
    stage: Mapped[int] = mapped_column(default=0)
    known_device: Mapped[bool] = mapped_column(default=False)
    # Whether a first proof was given for this, or the session that was here before is all there is.
    is_fresh: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]
