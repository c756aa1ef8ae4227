"""Sign-outs, and what has to be sent out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base
from idp.vault import SEALED


class SignOut(Base):
    """One browser session that ended, and the apps that it had reached.

    Only who signed out in the browser itself has a receipt, a page of which the address is kept as its fingerprint.
    ``reached`` maps each client to how it learns of the end: ``back``, ``front`` or ``none``.
    """

    __tablename__ = "sign_outs"
    __table_args__ = (Index("ix_sign_outs_created_at", "created_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str | None] = mapped_column(String(64), unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    # Not a foreign key: the row of the session goes before the last app may have been told.
    session_id: Mapped[str] = mapped_column(String(64))
    reached: Mapped[dict[str, Any]]
    # The client that asked, where the browser goes afterwards (by itself or as a link), what was wrong with asking.
    client_id: Mapped[str | None] = mapped_column(String(128))
    continue_to: Mapped[str | None] = mapped_column(Text)
    continues_itself: Mapped[bool] = mapped_column(default=False)
    fault: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]


class Delivery(Base):
    """Something to be sent: what it is made from, never what it says; it is made anew for each attempt.

    What a mail is made from may hold links and codes that let somebody in: that part is ``sealed``, until it is sent.
    ``due_at`` is when the next attempt may begin; while ``claim`` is set, somebody is at it until then.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state_due_at", "state", "due_at"),
        Index("ix_deliveries_client_id", "client_id"),
        Index("ix_deliveries_sign_out_id", "sign_out_id"),
        Index("ix_deliveries_finished_at", "finished_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    client_id: Mapped[str | None] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"))
    # Not a foreign key: apps are still told of somebody who was deleted.
    person_id: Mapped[str | None] = mapped_column(String(64))
    sign_out_id: Mapped[str | None] = mapped_column(ForeignKey("sign_outs.id", ondelete="SET NULL"))
    facts: Mapped[dict[str, Any]]
    sealed: Mapped[str | None] = mapped_column(Text, info={SEALED: True})
    # After this it is of no use to anybody, and not sent any more.
    expires_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(String(64))
    tried_at: Mapped[datetime | None]
    # One sentence, fit for the client's owner.
    fault: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
