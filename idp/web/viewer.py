"""Whoever looks at the page: the time zone in which it writes instants, the colours and the language they chose."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import flask_babel
from flask import g, has_app_context

_ZONE, _THEME, _LOCALE = "idp_viewer_zone", "idp_viewer_theme", "idp_viewer_locale"


def know(zone_name: str | None, theme_name: str, locale_name: str | None) -> None:
    """Make this request's page one for a viewer in a zone (UTC for nothing, or for a name that is none).

    *theme_name* is what ``theme`` returns; *locale_name* is a BCP 47 tag, or nothing where nobody chose.
    """
    zone: tzinfo = UTC
    if zone_name:
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = UTC
    setattr(g, _ZONE, zone)
    setattr(g, _THEME, theme_name)
    setattr(g, _LOCALE, locale_name or "")
    flask_babel.refresh()


def zone() -> tzinfo:
    """Return the zone of whoever looks; UTC where nobody is known to."""
    found: tzinfo = g.get(_ZONE, UTC) if has_app_context() else UTC
    return found


def theme() -> str:
    """Return the colours of whoever looks: ``light``, ``dark``, or ``system`` where nobody chose."""
    return str(g.get(_THEME, "system")) if has_app_context() else "system"


def locale() -> str:
    """Return the language that whoever looks chose, as a BCP 47 tag; empty where nobody did."""
    return str(g.get(_LOCALE, "")) if has_app_context() else ""
