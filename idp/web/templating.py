"""What every template may use, whatever its feature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from idp import clock
from idp.web import navigation, viewer
from idp.web.request_ids import request_id
from idp.web.static import asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from idp.web.navigation import NavLink

_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3600), ("minute", 60))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Menu:
    """The links of one menu, made when a template asks for them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __iter__(self) -> Iterator[NavLink]:
        return iter(navigation.links(self._name))

    def __len__(self) -> int:
        return len(navigation.links(self._name))


def ago(instant: datetime) -> str:
    """Say how long ago *instant* was, or how far ahead it is, in its largest unit."""
    seconds = (clock.utc_now() - instant).total_seconds()
    for unit, length in _UNITS:
        count = int(abs(seconds) // length)
        if count:
            text = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now" if seconds >= 0 else "in a moment"


def absolute(instant: datetime) -> str:
    """Write *instant* out, in the zone of whoever looks: 24 Nov 2026, 09:05 UTC."""
    there = instant.astimezone(viewer.zone())
    zone = f"{there:%Z}"
    # Zones without letters of their own are called by their distance: +03, -0330.
    zone = f"UTC{zone}" if zone[:1] in {"+", "-"} else zone
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year}, {there:%H:%M} {zone}"


def iso(instant: datetime) -> str:
    """Write *instant* as RFC 3339, for the ``datetime`` attribute of ``<time>``."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _for_every_page() -> dict[str, object]:
    return {"request_id": request_id()}


def init_app(app: Flask) -> None:
    """Give the templates of *app* their globals and filters."""
    app.jinja_env.globals.update(
        asset=asset,
        viewer_theme=viewer.theme,
        account_nav=Menu("account"),
        admin_nav=Menu("admin"),
    )
    app.jinja_env.filters.update(ago=ago, absolute=absolute, iso=iso)
    app.context_processor(_for_every_page)
