"""Reading the audit log: filters, pages by key, one entry with its neighbours' hashes, and the stream of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from idp.audit.events import TYPES
from idp.audit.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

PAGE_SIZE = 50
# What a person sees of the log: what is about themselves as its target, and what they did to apps.
_TO_ONESELF = frozenset({"sign-ins", "accounts"})
_BY_ONESELF = frozenset({"consent"})
# Counting every match of a long log would cost more than the number is worth.
MOST_COUNTED = 10_000
_STREAMED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: all conditions together; an empty one lets everything through."""

    search: str = ""
    about: frozenset[str] = frozenset()
    outcome: str = ""
    start: datetime | None = None
    end: datetime | None = None
    # The person whose own entries these are: what was done to their account, and what they allowed apps.
    own: str = ""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One page of entries, newest first, and the entry numbers from which newer and older ones follow."""

    entries: Sequence[AuditEvent]
    # All that match; ``MOST_COUNTED + 1`` stands for more than that.
    total: int
    newer: int | None
    older: int | None


def title_of(event_type: str) -> str:
    """Return what an event of *event_type* says was done; a type of another version is shown by its name."""
    known = TYPES.get(event_type)
    return known.title if known else event_type


def page(
    session: Session, chosen: Filter, *, older_than: int | None = None, newer_than: int | None = None
) -> EntryPage:
    """Return the entries that match *chosen*, next to an entry of another page if one is named."""
    conditions = _conditions(chosen)
    counted = select(AuditEvent.row).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    total = session.execute(select(func.count()).select_from(counted)).scalar_one()
    query = select(AuditEvent).where(*conditions).limit(PAGE_SIZE + 1)
    backwards = newer_than is not None
    if newer_than is not None:
        query = query.where(AuditEvent.row > newer_than).order_by(AuditEvent.row)
    else:
        query = query.order_by(AuditEvent.row.desc())
        if older_than is not None:
            query = query.where(AuditEvent.row < older_than)
    found = list(session.execute(query).scalars())
    more, rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if backwards:
        rows.reverse()
    has_newer = more if backwards else older_than is not None
    has_older = backwards or more
    return EntryPage(
        entries=rows,
        total=total,
        newer=rows[0].row if rows and has_newer else None,
        older=rows[-1].row if rows and has_older else None,
    )


def find(session: Session, event_id: str) -> AuditEvent | None:
    """Return the entry *event_id*."""
    if "\0" in event_id:
        return None
    return session.execute(select(AuditEvent).where(AuditEvent.id == event_id)).scalar_one_or_none()


def find_own(session: Session, event_id: str, person_id: str) -> AuditEvent | None:
    """Return the entry *event_id* when it is one of the person's own, as ``Filter.own`` means it."""
    if "\0" in event_id:
        return None
    query = select(AuditEvent).where(AuditEvent.id == event_id, _is_own(person_id))
    return session.execute(query).scalar_one_or_none()


def hash_before(session: Session, entry: AuditEvent) -> str | None:
    """Return the hash that the one of *entry* covers: that of the entry sealed just before it."""
    if entry.seal_id is None:
        return None
    query = (
        select(AuditEvent.hash)
        .where(
            or_(
                AuditEvent.seal_id < entry.seal_id,
                (AuditEvent.seal_id == entry.seal_id) & (AuditEvent.row < entry.row),
            )
        )
        .order_by(AuditEvent.seal_id.desc(), AuditEvent.row.desc())
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def stream(session: Session, chosen: Filter) -> Iterator[Row[Any]]:
    """Yield what matches *chosen*, oldest first, up to the newest entry of this moment, a chunk in memory at a time."""
    newest = session.execute(select(func.max(AuditEvent.row))).scalar_one()
    last = 0
    while newest is not None:
        query = select(AuditEvent.__table__).where(
            *_conditions(chosen), AuditEvent.row > last, AuditEvent.row <= newest
        )
        rows = session.execute(query.order_by(AuditEvent.row).limit(_STREAMED_AT_ONCE)).all()
        # The connection goes back while a slow download waits for its reader.
        session.rollback()
        yield from rows
        if len(rows) < _STREAMED_AT_ONCE:
            return
        last = rows[-1].row


def _conditions(chosen: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if chosen.about:
        conditions.append(AuditEvent.type.in_(_types_about(chosen.about)))
    if chosen.own:
        conditions.append(_is_own(chosen.own))
    if chosen.outcome:
        conditions.append(AuditEvent.outcome == chosen.outcome)
    if chosen.start is not None:
        conditions.append(AuditEvent.at >= chosen.start)
    if chosen.end is not None:
        conditions.append(AuditEvent.at <= chosen.end)
    text = chosen.search.strip().replace("\0", "")
    if text:
        named = (AuditEvent.actor_name, AuditEvent.target_name, AuditEvent.actor_id, AuditEvent.target_id)
        exact = (AuditEvent.id, AuditEvent.request_id, AuditEvent.address, AuditEvent.type)
        matches = [column.icontains(text, autoescape=True) for column in named]
        conditions.append(or_(*matches, *(column == text for column in exact)))
    return conditions


def _is_own(person_id: str) -> ColumnElement[bool]:
    return or_(
        and_(AuditEvent.target_id == person_id, AuditEvent.type.in_(_types_about(_TO_ONESELF))),
        and_(AuditEvent.actor_id == person_id, AuditEvent.type.in_(_types_about(_BY_ONESELF))),
    )


def _types_about(about: Collection[str]) -> list[str]:
    return [name for name, event in TYPES.items() if event.about in about]
