"""Signing keys, and the installation's own secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class SigningKey(Base):
    """One signing key; the private part is encrypted, and absent for a key imported to verify only."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        # Two servers that rotate at once cannot both make an active key.
        Index(
            "uq_signing_keys_active",
            "alg",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    # The RFC 7638 thumbprint.
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    # What people call it: k-2026-09, k-2026-09-b ...
    name: Mapped[str] = mapped_column(String(40))
    alg: Mapped[str] = mapped_column(String(16))
    # next, active, retiring, retired or revoked (idp.protocol.key_schedule).
    state: Mapped[str] = mapped_column(String(16))
    public_jwk: Mapped[dict[str, Any]]
    private_jwk: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    # Last instant at which it may have signed.
    retiring_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Installation(Base):
    """One row: the installation secret, encrypted, and when the first key set was published."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    # Tokens issued before this are refused; raised when a leaked key is replaced.
    not_before: Mapped[datetime | None]
