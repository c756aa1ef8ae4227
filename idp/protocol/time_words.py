"""Instants and lengths of time in words, for people who read a token; seconds since 1970 go in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from idp.wording import Sentence, say, say_count

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The years that a datetime can hold; the last one is left out, since a time zone could lead beyond.
_FIRST, _LAST = -62_135_596_800, 253_370_764_800
_UNITS: tuple[tuple[Callable[[int], Sentence], int], ...] = (
    (lambda count: say_count("%(count)s year", "%(count)s years", count, count=format(count, ",")), 31_536_000),
    (lambda count: say_count("%(count)s day", "%(count)s days", count), 86_400),
    (lambda count: say_count("%(count)s hour", "%(count)s hours", count), 3600),
    (lambda count: say_count("%(count)s minute", "%(count)s minutes", count), 60),
    (lambda count: say_count("%(count)s second", "%(count)s seconds", count), 1),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The seconds at the beginning of 1990 in milliseconds: no token lives in a year as far as that.
_MILLISECONDS = 631_152_000_000


def instant(seconds: float) -> datetime | None:
    """Return the instant, aware, or `None` where the calendar does not reach."""
    return _EPOCH + timedelta(seconds=int(seconds)) if _FIRST <= seconds < _LAST else None


def absolute(seconds: float) -> str:
    """Write the instant out, in UTC: 24 Nov 2026, 09:05:12 UTC."""
    at = instant(seconds)
    if at is None:
        return "outside of the calendar"
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M:%S} UTC"


def relative(seconds: float, now: float) -> str:
    """Say how far the instant is from *now*: in 4 minutes, 3 days 2 hours ago, now."""
    away = int(seconds) - int(now)
    if not away:
        return "now"
    return f"in {span(away)}" if away > 0 else f"{span(-away)} ago"


def span(seconds: float) -> Sentence:
    """Write a length of time in its largest unit and the one below: 1 day 2 hours, 4 minutes."""
    left = int(seconds)
    if left > _LAST:
        return say("more than 8,000 years")
    for place, (counted, size) in enumerate(_UNITS):
        count, rest = divmod(left, size)
        if not count:
            continue
        if place + 1 < len(_UNITS):
            below, length = _UNITS[place + 1]
            if rest // length:
                return say("%(long)s %(short)s", long=counted(count), short=below(rest // length))
        return counted(count)
    return say("no time")


def looks_like_milliseconds(seconds: float) -> bool:
    """Tell whether somebody wrote milliseconds where seconds belong (RFC 7519 section 2)."""
    return seconds >= _MILLISECONDS
