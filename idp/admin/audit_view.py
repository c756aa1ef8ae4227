"""What the audit page shows: the filter as typed, entries by day, one entry with what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from idp.audit.entries import Filter, title_of
from idp.audit.events import ABOUT, DONE, REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.datastructures import MultiDict

    from idp.audit.models import AuditEvent

RANGES = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "all": "All", "custom": "Choose dates"}
_LENGTHS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
RESULTS = {"all": "All", DONE: "Done", REFUSED: "Refused"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_SEARCH = 200
# No entry is older or younger, and sums with these cannot leave the calendar.
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
# Fields that hold several values with blanks between.
_LISTS = frozenset(
    {"redirect_uris", "post_logout_redirect_uris", "resources", "grant_types", "response_types", "contacts", "scope"}
)
# Actors that are no person: what stands before their name.
_SYSTEM_ICONS = {"system": "server", "command line": "settings"}


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The filter as the address carries it; what cannot be read falls back to the default."""

    q: str = ""
    range: str = "7d"
    kinds: tuple[str, ...] = ()
    result: str = "all"
    start: str = ""
    end: str = ""

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> FilterForm:
        """Read the query of an address."""
        chosen, result = args.get("range", "7d"), args.get("result", "all")
        return cls(
            q=args.get("q", "").strip().replace("\0", "")[:_LONGEST_SEARCH],
            range=chosen if chosen in RANGES else "7d",
            kinds=tuple(kind for kind in ABOUT if kind in args.getlist("kind")),
            result=result if result in RESULTS else "all",
            start=args.get("from", "") if _instant(args.get("from", "")) else "",
            end=args.get("to", "") if _instant(args.get("to", "")) else "",
        )

    def meaning(self, now: datetime) -> Filter:
        """Return the filter that this means at *now*."""
        start = end = None
        if self.range == "custom":
            start, end = _instant(self.start), _instant(self.end)
            # Minutes are typed; all of the last one is meant.
            end = end + timedelta(minutes=1) if end else None
        elif self.range in _LENGTHS:
            start = now - _LENGTHS[self.range]
        outcome = "" if self.result == "all" else self.result
        return Filter(search=self.q, about=frozenset(self.kinds), outcome=outcome, start=start, end=end)

    @property
    def query(self) -> dict[str, Any]:
        """The same filter as arguments of an address."""
        values: dict[str, Any] = {"range": self.range, "result": self.result}
        values |= {"q": self.q} if self.q else {}
        values |= {"kind": list(self.kinds)} if self.kinds else {}
        if self.range == "custom":
            values |= {"from": self.start, "to": self.end}
        return values

    @property
    def is_default(self) -> bool:
        """Tell whether nothing is filtered but the usual time."""
        return self == FilterForm()

    @property
    def words(self) -> str:
        """What the entries are, for the caption of the table."""
        about = " and ".join(ABOUT[kind].lower() for kind in self.kinds)
        return f"Audit entries, {RANGES[self.range].lower()}{f', about {about}' if about else ''}"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as the table shows it."""

    id: str
    at: datetime
    clock: str
    who: str
    icon: str
    what: str
    target: str
    address: str
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of one day (UTC)."""

    label: str
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Detail:
    """One open entry: what changed, line by line before and after, and everything else that is known of it."""

    id: str
    title: str
    before: list[tuple[str, str]]
    after: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    is_sealed: bool


def days_of(found: Sequence[AuditEvent], now: datetime) -> list[Day]:
    """Return the entries by day."""
    days: list[Day] = []
    for entry in found:
        label = _day(entry.at.astimezone(UTC), now)
        if not days or days[-1].label != label:
            days.append(Day(label))
        days[-1].lines.append(_line(entry))
    return days


def detail_of(entry: AuditEvent, hash_before: str | None) -> Detail:
    """Return everything about *entry*."""
    before, after = _diff(entry.detail.get("changes", []))
    return Detail(
        id=entry.id,
        title=_sentence(entry),
        before=before,
        after=after,
        facts=[pair for pair in _facts(entry, hash_before) if pair[1]],
        is_sealed=entry.seal_id is not None,
    )


def _sentence(entry: AuditEvent) -> str:
    target = entry.target_name or entry.target_id
    return f"{title_of(entry.type)}: {target}" if target else title_of(entry.type)


def _line(entry: AuditEvent) -> Line:
    who = entry.actor_name or entry.actor_id or "Nobody known"
    own = bool(entry.target_id) and entry.actor_id == entry.target_id
    at = entry.at.astimezone(UTC)
    return Line(
        id=entry.id,
        at=at,
        clock=f"{at:%H:%M:%S}",
        who=who,
        icon=_SYSTEM_ICONS.get(entry.actor_id, "" if entry.actor_id else "globe"),
        what=title_of(entry.type),
        target="Own account" if own else entry.target_name or entry.target_id,
        address=entry.address,
        is_refused=entry.outcome == REFUSED,
    )


def _facts(entry: AuditEvent, hash_before: str | None) -> list[tuple[str, str]]:
    kept = [(_words(name), _shown(value)) for name, value in entry.detail.items() if name != "changes"]
    return [
        ("Entry", f"{entry.row:,}"),
        ("Event", entry.id),
        ("Type", entry.type),
        ("Request", entry.request_id),
        ("Address", entry.address),
        ("Who", entry.actor_id),
        ("To what", entry.target_id),
        *kept,
        ("Hash before", hash_before or ""),
        ("Hash", entry.hash or "Not yet sealed"),
    ]


def _diff(changes: list[dict[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    for change in changes:
        old, new = _values(change["field"], change["before"]), _values(change["field"], change["after"])
        before += [("key", change["field"]), *_marked(old, new, "removed")]
        after += [("key", change["field"]), *_marked(new, old, "added")]
    return before, after


def _values(name: str, text: str) -> list[str]:
    return text.split() if name in _LISTS else [text] if text else []


def _marked(values: list[str], others: list[str], kind: str) -> list[tuple[str, str]]:
    return [("same" if value in others else kind, value) for value in values] or [("same", "(empty)")]


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _day(at: datetime, now: datetime) -> str:
    words = f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}"
    if at.date() == now.astimezone(UTC).date():
        return f"Today, {words}"
    return words if at.year == now.year else f"{words} {at.year}"


def _instant(text: str) -> datetime | None:
    """Read what a field of type datetime-local sends; it means UTC, as the page says."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
