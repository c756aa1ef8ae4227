"""Whoever looks at the page: the time zone in which it writes instants."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import g, has_app_context

_ZONE = "idp_viewer_zone"


def set_zone(name: str | None) -> None:
    """Write the instants of this request's page in the zone *name*; UTC for nothing, and for a zone that is none."""
    zone: tzinfo = UTC
    if name:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = UTC
    setattr(g, _ZONE, zone)


def zone() -> tzinfo:
    """Return the zone of whoever looks; UTC where nobody is known to."""
    found: tzinfo = g.get(_ZONE, UTC) if has_app_context() else UTC
    return found
