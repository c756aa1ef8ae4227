"""The audit log as a download: CSV for spreadsheets, JSON Lines for machines; both are made line by line."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Row

COLUMNS = (
    "row",
    "id",
    "at",
    "type",
    "outcome",
    "actor_id",
    "actor_name",
    "target_id",
    "target_name",
    "address",
    "request_id",
    "detail",
    "seal_id",
    "hash",
)
# A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """Yield CSV (RFC 4180), a heading first; what a spreadsheet would run as a formula gets an apostrophe before it."""
    yield _line(COLUMNS)
    for row in rows:
        values = _values(row)
        values["detail"] = json.dumps(values["detail"], ensure_ascii=False, sort_keys=True) if values["detail"] else ""
        yield _line([harmless(values[column]) for column in COLUMNS])


def as_jsonl(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """Yield one JSON object a line."""
    for row in rows:
        yield json.dumps(_values(row), ensure_ascii=False) + "\n"


def harmless(value: object) -> str:
    """Return *value* as the text of a cell that no spreadsheet runs."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _values(row: Row[Any]) -> dict[str, Any]:
    values = {column: getattr(row, column) for column in COLUMNS}
    values["at"] = row.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return values


def _line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
