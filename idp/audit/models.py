"""The audit log, its seals, and why requests were refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base

_Serial = BigInteger().with_variant(Integer, "sqlite")


class AuditSeal(Base):
    """A batch of audit rows, chained to the batch before."""

    __tablename__ = "audit_seals"

    id: Mapped[int] = mapped_column(_Serial, primary_key=True, autoincrement=True)
    first_row: Mapped[int] = mapped_column(_Serial)
    last_row: Mapped[int] = mapped_column(_Serial)
    row_count: Mapped[int]
    # The hash of its last row; each row's covers the row before. The MAC covers this seal, under a derived key.
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]


class AuditEvent(Base):
    """Who did what to what, with which result, from where; inserted in the transaction of the change."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_actor_id", "actor_id", "row"),
        Index("ix_audit_events_target_id", "target_id", "row"),
        Index("ix_audit_events_seal_id", "seal_id", "row"),
    )

    row: Mapped[int] = mapped_column(_Serial, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[datetime]
    # Dotted, past tense: person.signed_in, client.created (idp.audit.events).
    type: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    # A person id, a client id, "system" or "command line"; empty when nobody is known.
    actor_id: Mapped[str] = mapped_column(String(128), default="")
    actor_name: Mapped[str] = mapped_column(String(200), default="")
    target_id: Mapped[str] = mapped_column(String(128), default="")
    target_name: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    # Allow-listed facts of the event class, before and after included; never a secret.
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Both empty until the background sealer has chained it: SHA-256 over the hash before and the canonical row.
    seal_id: Mapped[int | None] = mapped_column(ForeignKey("audit_seals.id"))
    hash: Mapped[str | None] = mapped_column(String(64))


class AuditCheck(Base):
    """One row: what the latest check of the whole chain found."""

    __tablename__ = "audit_checks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    # How far the chain is intact, and the entry at which it breaks when it does.
    intact_to: Mapped[int] = mapped_column(_Serial)
    broken_at: Mapped[int | None] = mapped_column(_Serial)
    fault: Mapped[str] = mapped_column(String(200), default="")


class Refusal(Base):
    """Why one request was refused, by request id, for fourteen days; its fields are allow-listed."""

    __tablename__ = "refusals"
    __table_args__ = (Index("ix_refusals_at", "at"),)

    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(64))
    endpoint: Mapped[str] = mapped_column(String(64))
    client_id: Mapped[str] = mapped_column(String(128), default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
