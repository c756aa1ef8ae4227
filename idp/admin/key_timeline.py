"""The picture of the keys' lives: published, signing, verifying only, each as a share of the width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from idp.keys import schedule, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from idp.keys.models import SigningKey
    from idp.settings import Settings

STATE_LABELS: Final = {
    store.NEXT: "Next",
    store.ACTIVE: "Active",
    store.RETIRING: "Verify only",
    store.RETIRED: "Removed",
    store.REVOKED: "Revoked",
}
_MOST_ROWS = 12
_TICKS = 6
_WIDTH = 100.0
_TWO_MONTHS = timedelta(days=60)
# A text that begins further right would stand outside of the picture.
_LAST_TEXT = 96.0


@dataclass(frozen=True, slots=True)
class Life:
    """When a key is in the key set and when it signs; what lies ahead is the plan. ``signs_from`` may be never."""

    key: SigningKey
    published: datetime
    signs_from: datetime | None
    signs_until: datetime | None
    ends: datetime


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a bar, in percent of the width."""

    kind: str
    start: float
    width: float
    series: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One key: what is written beside its bar, and the bar in words."""

    name: str
    note: str
    label: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture; ``ticks`` are positions and texts, ``now`` is the position of today."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    now: float


def life_of(key: SigningKey, keys: Iterable[SigningKey], settings: Settings, now: datetime) -> Life:
    """Return the life of *key* among *keys*: what happened, and what the policy will make of it."""
    keep = schedule.removed_at(key, settings) - (key.retiring_at or key.published_at)
    signs_from = key.activated_at
    if key.state == store.NEXT:
        active = next((one for one in keys if one.alg == key.alg and one.state == store.ACTIVE), None)
        signs_from = max(now, schedule.rotates_at(active, settings)) if active else now
    if signs_from is None:
        return Life(key, key.published_at, None, None, key.revoked_at or key.retired_at or key.published_at + keep)
    planned = signs_from + settings.keys.rotate_every
    if key.state == store.ACTIVE:
        planned = max(now, planned)
    signs_until = key.retiring_at or key.revoked_at or planned
    ends = key.revoked_at or key.retired_at or signs_until + keep
    return Life(key, key.published_at, signs_from, signs_until, ends)


def draw(keys: list[SigningKey], settings: Settings, now: datetime) -> Timeline:
    """Draw *keys*: those in the key set, and those that left it within the time shown."""
    every = [life_of(key, keys, settings, now) for key in keys]
    shown = [life for life in every if life.key.state in store.PUBLISHED]
    earliest = min((life.published for life in shown), default=now)
    latest = max((life.ends for life in shown if life.key.state == store.ACTIVE), default=now)
    left = max(earliest, now - settings.keys.rotate_every * 1.1)
    right = max(latest, now + settings.keys.keep) + settings.keys.rotate_every / 4
    left -= (right - left) / 20
    gone = [life for life in every if life.key.state not in store.PUBLISHED and life.ends > left]
    scale = _Scale(left, right)
    algorithms = list(dict.fromkeys(key.alg for key in keys))
    rows = [_row(life, scale, algorithms.index(life.key.alg)) for life in (shown + gone)[:_MOST_ROWS]]
    ticks = tuple(tick for tick in _ticks(scale) if tick[0] <= _LAST_TEXT)
    return Timeline(tuple(rows), ticks, scale.position(now))


@dataclass(frozen=True, slots=True)
class _Scale:
    left: datetime
    right: datetime

    def position(self, instant: datetime) -> float:
        share = (instant - self.left) / (self.right - self.left)
        return round(min(max(share, 0.0), 1.0) * _WIDTH, 2)

    def segment(self, kind: str, start: datetime, end: datetime, series: int = 1) -> Segment | None:
        begin, finish = self.position(start), self.position(end)
        return Segment(kind, begin, round(finish - begin, 2), series) if finish > begin else None


def _row(life: Life, scale: _Scale, place: int) -> Row:
    key = life.key
    # The first algorithm has a colour of its own; the others share the second.
    series = 1 if place == 0 else 2
    if life.signs_from is None or life.signs_until is None:
        kind = "published" if key.private_jwk else "verifying"
        parts = [scale.segment(kind, life.published, life.ends)]
    else:
        parts = [
            scale.segment("published", life.published, life.signs_from),
            scale.segment("signing", life.signs_from, life.signs_until, series),
            scale.segment("verifying", life.signs_until, life.ends),
        ]
    state = STATE_LABELS[key.state]
    return Row(key.name, f"{key.alg} · {state}", _words(life), tuple(part for part in parts if part))


def _words(life: Life) -> str:
    if life.signs_from is None or life.signs_until is None:
        return f"{life.key.name}: published {day(life.published)}, never signs, in the key set until {day(life.ends)}"
    return (
        f"{life.key.name}: published {day(life.published)}, signs {day(life.signs_from)} to {day(life.signs_until)}, "
        f"verifies until {day(life.ends)}"
    )


def day(instant: datetime) -> str:
    """Write a day: 5 Dec 2026."""
    instant = instant.astimezone(UTC)
    return f"{instant.day} {instant:%b %Y}"


def _ticks(scale: _Scale) -> Iterator[tuple[float, str]]:
    span = scale.right - scale.left
    if span > _TWO_MONTHS:
        months = list(_months(scale))
        for instant in months[:: max(1, len(months) // _TICKS)]:
            yield scale.position(instant), f"{instant:%b}"
        return
    step = max(1, span.days // _TICKS)
    midnight = scale.left.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(1, span.days + 1, step):
        instant = midnight + timedelta(days=number)
        if instant < scale.right:
            yield scale.position(instant), f"{instant.day} {instant:%b}"


def _months(scale: _Scale) -> Iterator[datetime]:
    instant = scale.left.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while instant < scale.right:
        if instant >= scale.left:
            yield instant
        instant = (instant + timedelta(days=32)).replace(day=1)
