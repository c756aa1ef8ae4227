"""Signing keys, who is known to know them, and the installation's own secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
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


# The readiness ledger. Its instants are whole seconds (NumericDate), so that the database can compute with them; they
# are those at which a process began to gather what it wrote, some seconds early; those of SignedFor are exact.


class KeySet(Base):
    """A key set that was sent to somebody: which keys its holder knows."""

    __tablename__ = "key_sets"

    etag: Mapped[str] = mapped_column(String(64), primary_key=True)
    kids: Mapped[list[str]]
    served_at: Mapped[datetime]


class KeySetFetch(Base):
    """How often, and when, somebody fetched one key set."""

    __tablename__ = "key_set_fetches"
    __table_args__ = (Index("ix_key_set_fetches_last_at", "last_at"),)

    # By whose own address it was fetched; empty for the address that all share.
    client_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Of the User-Agent nothing is kept but the beginning of its SHA-256.
    agent: Mapped[str] = mapped_column(String(16), primary_key=True)
    etag: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    fetches: Mapped[int] = mapped_column(Integer)
    # The longest time between two fetches, in seconds.
    longest_gap: Mapped[int] = mapped_column(Integer)


class ClientNetwork(Base):
    """From where a client makes its own calls, for example to the token endpoint."""

    __tablename__ = "client_networks"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent: Mapped[str] = mapped_column(String(16), primary_key=True)
    last_at: Mapped[int] = mapped_column(BigInteger)


class SignedFor(Base):
    """That a key signed something which the client, or an API that it calls, verifies."""

    __tablename__ = "signed_for"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)


class GivenKey(Base):
    """A public key that was handed over by hand: whoever has one does not fetch the key set."""

    __tablename__ = "given_keys"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    given_at: Mapped[datetime]


class Canary(Base):
    """A client that is signed for with the next key already; ``returned_at`` is when that was ended."""

    __tablename__ = "canaries"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    since_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    # It was ended, now or an earlier time, because the client's people started over again and again.
    by_itself: Mapped[bool]
