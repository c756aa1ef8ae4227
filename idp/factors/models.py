"""Second factors, codes sent by mail, and browsers in which none is asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base
from idp.vault import SEALED


class SecondFactor(Base):
    """One way in which a person proves a second time who they are; at most one of each kind."""

    __tablename__ = "second_factors"
    __table_args__ = (Index("ix_second_factors_person_id", "person_id", "kind", unique=True),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    # totp, email
    kind: Mapped[str] = mapped_column(String(16))
    # The seed of an authenticator app, encrypted; nothing for a code by mail.
    secret: Mapped[str | None] = mapped_column(Text, info={SEALED: True})
    # The last time step that a code was taken of (RFC 6238 section 5.2): none of it or before is taken again.
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    # When it stopped to count, until another one is used: the mailbox of its codes has just replaced the password.
    paused_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """One of the codes that a person keeps on paper, as its fingerprint."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_person_id", "person_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class EmailCode(Base):
    """The code that was mailed last for one half-finished sign-in, as a keyed hash: six digits are quickly guessed."""

    __tablename__ = "email_codes"

    pending_id: Mapped[str] = mapped_column(ForeignKey("pending_sign_ins.id", ondelete="CASCADE"), primary_key=True)
    mac: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


class RememberedBrowser(Base):
    """A browser (the fingerprint of its cookie) in which a person is not asked for the second factor for a while.

    ``validator`` is the fingerprint of a second cookie, good for one sign-in; ``previous`` that of the one before.
    """

    __tablename__ = "remembered_browsers"
    __table_args__ = (
        Index("ix_remembered_browsers_person_id", "person_id", "browser", unique=True),
        Index("ix_remembered_browsers_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    browser: Mapped[str] = mapped_column(String(64))
    validator: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str | None] = mapped_column(String(64))
    # What the password was then: another one ends this.
    password_changed_at: Mapped[datetime | None]
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
