"""The rows of the form in which a client's claims are mapped: one name in one place each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from idp.clients.claim_mapping import MOST_CLAIMS, PLACES, ClaimMapping, fault_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.datastructures import MultiDict

MOST_ROWS = len(PLACES) * MOST_CLAIMS + 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the form, and what is wrong with it."""

    place: str = PLACES[0]
    name: str = ""
    source: str = ""
    error: str = ""

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing was filled in; such a row means nothing."""
        return not self.name and not self.source


def rows_of(mapping: ClaimMapping) -> list[Row]:
    """Return the rows that show *mapping*."""
    return [Row(place, name, source) for place in PLACES for name, source in getattr(mapping, place)]


def rows_in(form: MultiDict[str, str]) -> list[Row]:
    """Return the rows that were sent, without those whose removal was ticked; blank ones are kept."""
    numbers = [
        number for number in range(MOST_ROWS) if f"row-{number}-name" in form and f"row-{number}-remove" not in form
    ]
    return [
        Row(*(form.get(f"row-{number}-{field}", "").strip() for field in ("place", "name", "source")))
        for number in numbers
    ]


def checked(rows: Sequence[Row]) -> list[Row]:
    """Return *rows*, those that cannot be registered with the reason why."""
    found: list[Row] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        error = "" if row.is_blank else _fault(row, seen)
        seen.add((row.place, row.name))
        found.append(replace(row, error=error))
    return found


def meant(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return the value of ``claim_mapping`` that *rows* mean."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if not row.is_blank:
            found.setdefault(row.place, {})[row.name] = row.source
    return found


def sent(rows: Sequence[Row]) -> Mapping[str, str]:
    """Return *rows* as form fields, to keep them for later."""
    return {
        f"row-{number}-{field}": getattr(row, field)
        for number, row in enumerate(rows)
        for field in ("place", "name", "source")
    }


def _fault(row: Row, seen: set[tuple[str, str]]) -> str:
    if row.place not in PLACES:
        return "Choose where it is told."
    if not row.name:
        return "Give it the name that the app knows it by, or tick Remove."
    if not row.source:
        return f"Choose what {row.name} holds."
    if (row.place, row.name) in seen:
        return f"{row.name} is there twice; each place has a name once."
    return fault_of(row.place, row.name, row.source) or ""
