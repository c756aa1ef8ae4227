"""Counters that all workers share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class ThrottleCounter(Base):
    """Failures counted for one key (account and address, device, address, client) until they decay."""

    __tablename__ = "throttle_counters"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    failures: Mapped[int]
    window_started_at: Mapped[datetime]
    # No further try before this.
    blocked_until: Mapped[datetime | None]
