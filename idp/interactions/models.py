"""Requests that wait for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Interaction(Base):
    """A validated request that is resumed once the person has signed in or decided.

    The URL carries ``id`` alone; ``browser`` (the fingerprint of the browser cookie) binds it. It is empty only for a
    request that came by a cross-site POST, until its first GET binds it.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        Index("ix_interactions_browser", "browser", "created_at"),
        Index("ix_interactions_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Flask endpoint that resumes it, called with interaction=<id>.
    resume_endpoint: Mapped[str] = mapped_column(String(100))
    client_id: Mapped[str | None] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"))
    parameters: Mapped[dict[str, Any]]
    browser: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # What the person decided within this interaction: the scopes allowed, or a refusal.
    consented_scopes: Mapped[list[str] | None]
    # Who consented; a decision never outlives a change of person.
    consented_by: Mapped[str | None] = mapped_column(String(64))
    denied_at: Mapped[datetime | None]
    # Who was chosen, of the accounts known in this browser, to go on with.
    chosen_person: Mapped[str | None] = mapped_column(String(64))
    completed_at: Mapped[datetime | None]
