"""What a person allowed an app to see."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Consent(Base):
    """The scopes one person allowed one client, all of them so far."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_client_id", "client_id"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    scopes: Mapped[list[str]]
    granted_at: Mapped[datetime]
    updated_at: Mapped[datetime]
