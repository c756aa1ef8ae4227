"""The chain: committed entries are hashed one after the other and sealed in batches, so that a later edit shows.

Entries come unchained, so writers never wait for each other; one background sealer chains them within seconds. An
entry that commits late is sealed with the next batch. What a database row alone cannot show is the end of the log cut
off together with its seals; an export kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp import opaque
from idp.audit.models import AuditCheck, AuditEvent, AuditSeal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from idp.vault import Secrets

_LABEL = "audit seal"
_START = "0" * 64
_BATCH = 500
_SEALS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of the chain found: it holds as far as entry ``intact_to``."""

    intact_to: int
    # The first entry that does not fit, and why, in words for an administrator.
    broken_at: int | None = None
    fault: str = ""

    @property
    def is_intact(self) -> bool:
        """Tell whether every sealed entry is as it was written."""
        return self.broken_at is None


def seal_batch(session: Session, secrets: Secrets, now: datetime, *, limit: int = _BATCH) -> int:
    """Chain up to *limit* entries that are not sealed yet, in one seal; return how many, 0 when there are none left."""
    waiting = select(AuditEvent).where(AuditEvent.seal_id.is_(None)).order_by(AuditEvent.row).limit(limit)
    rows = session.execute(waiting).scalars().all()
    if not rows:
        return 0
    before = session.execute(select(AuditSeal).order_by(AuditSeal.id.desc()).limit(1)).scalar_one_or_none()
    digest = before.hash if before else _START
    hashes = {}
    for row in rows:
        hashes[row.row] = digest = _chained(digest, row)
    seal = AuditSeal(
        id=before.id + 1 if before else 1,
        first_row=rows[0].row,
        last_row=rows[-1].row,
        row_count=len(rows),
        hash=digest,
        sealed_at=now,
    )
    if not _insert(session, seal, secrets):
        return 0
    session.execute(
        update(AuditEvent), [{"row": row, "seal_id": seal.id, "hash": each} for row, each in hashes.items()]
    )
    return len(rows)


def verify_chain(session: Session, secrets: Secrets) -> Report:
    """Recompute the whole chain and tell how far it holds; it only reads, so no write lock need be held meanwhile."""
    digest, intact_to, expected = _START, 0, 1
    for seal, rows in _sealed(session):
        if seal.id != expected:
            return Report(intact_to, seal.first_row, "A batch of entries before it was removed.")
        expected += 1
        if not opaque.same(seal.mac, _mac(seal, secrets)):
            return Report(intact_to, seal.first_row, "The seal of its batch was changed.")
        for row in rows:
            digest = _chained(digest, row)
            if row.hash != digest:
                return Report(intact_to, row.row, "It was changed or moved, or one before it was removed or added.")
            intact_to = row.row
        if len(rows) != seal.row_count or digest != seal.hash:
            return Report(intact_to, seal.last_row, "Entries at the end of its batch were removed or added.")
    return Report(intact_to)


def remember(session: Session, report: Report, now: datetime) -> None:
    """Keep what a check found, for the audit page."""
    session.execute(delete(AuditCheck))
    session.execute(
        insert(AuditCheck).values(
            id=1, at=now, intact_to=report.intact_to, broken_at=report.broken_at, fault=report.fault
        )
    )


def latest_check(session: Session) -> AuditCheck | None:
    """Return what the latest check found."""
    return session.execute(select(AuditCheck)).scalar_one_or_none()


def latest_seal(session: Session) -> AuditSeal | None:
    """Return the newest seal: the head of the chain."""
    return session.execute(select(AuditSeal).order_by(AuditSeal.id.desc()).limit(1)).scalar_one_or_none()


def _insert(session: Session, seal: AuditSeal, secrets: Secrets) -> bool:
    """Add *seal*; say no when another sealer took its number meanwhile."""
    values = {
        "id": seal.id,
        "first_row": seal.first_row,
        "last_row": seal.last_row,
        "row_count": seal.row_count,
        "hash": seal.hash,
        "mac": _mac(seal, secrets),
        "sealed_at": seal.sealed_at,
    }
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    added = session.execute(dialect.insert(AuditSeal).values(**values).on_conflict_do_nothing().returning(AuditSeal.id))
    return added.first() is not None


def _sealed(session: Session) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """Yield every seal with its entries, in order, a few seals in memory at a time; as stored, not as remembered."""
    seals_table, entries_table = AuditSeal.__table__, AuditEvent.__table__
    last = -1
    while True:
        query = select(seals_table).where(AuditSeal.id > last).order_by(AuditSeal.id).limit(_SEALS_AT_ONCE)
        seals = session.execute(query).all()
        if not seals:
            return
        last = seals[-1].id
        entries = select(entries_table).where(AuditEvent.seal_id.between(seals[0].id, last))
        rows = session.execute(entries.order_by(AuditEvent.seal_id, AuditEvent.row)).all()
        by_seal = {seal_id: list(found) for seal_id, found in groupby(rows, key=lambda row: row.seal_id)}
        for seal in seals:
            yield seal, by_seal.get(seal.id, [])


def _chained(before: str, row: AuditEvent | Row[Any]) -> str:
    """Return the hash of *row* after the hash *before*."""
    fields = [
        row.row,
        row.id,
        row.at.isoformat(timespec="microseconds"),
        row.type,
        row.outcome,
        row.actor_id,
        row.actor_name,
        row.target_id,
        row.target_name,
        row.address,
        row.request_id,
        row.detail,
    ]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{before}\n{canonical}".encode()).hexdigest()


def _mac(seal: AuditSeal | Row[Any], secrets: Secrets) -> str:
    sealed_at = seal.sealed_at.isoformat(timespec="microseconds")
    text = f"{seal.id}|{seal.first_row}|{seal.last_row}|{seal.row_count}|{seal.hash}|{sealed_at}"
    return hmac.new(secrets.derive(_LABEL), text.encode(), hashlib.sha256).hexdigest()
