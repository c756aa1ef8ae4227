"""Keyset paging: a page is named by the key of a row next to it, so it stays right while rows come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

Row = TypeVar("Row")

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows: up to ``limit`` after or before a key, from the beginning when neither is given."""

    before: str | None = None
    after: str | None = None
    limit: int = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page, and its first and last key where there are rows before and after, else nothing."""

    rows: Sequence[Row]
    before: str | None
    after: str | None


def take(
    session: Session, query: Select[Any], key: InstrumentedAttribute[str], span: Span, read: Callable[[Row], str]
) -> Slice[Row]:
    """Return the rows of *query* in *span*, ordered by the unique column *key*, which *read* reads from a row."""
    backwards = span.before is not None
    if span.before is not None:
        query = query.where(key < span.before)
    elif span.after is not None:
        query = query.where(key > span.after)
    # One row more than is shown tells whether there is another page.
    ordered = query.order_by(key.desc() if backwards else key.asc()).limit(span.limit + 1)
    result = session.execute(ordered)
    found: list[Row] = list(result.scalars() if len(result.keys()) == 1 else result)  # type: ignore[arg-type]  # the caller knows its rows
    more, rows = len(found) > span.limit, found[: span.limit]
    if backwards:
        rows.reverse()
    has_before = more if backwards else span.after is not None
    has_after = backwards or more
    return Slice(
        rows=rows,
        before=read(rows[0]) if rows and has_before else None,
        after=read(rows[-1]) if rows and has_after else None,
    )
