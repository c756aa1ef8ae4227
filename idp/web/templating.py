"""What every template may use, whatever its feature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from idp import clock
from idp.web import language, navigation, viewer
from idp.web.request_ids import request_id
from idp.web.static import asset
from idp.wording import say, say_count, spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from idp.web.navigation import NavLink
    from idp.wording import Sentence

_MINUTE, _HOUR, _DAY, _MONTH, _YEAR = 60, 3600, 86_400, 2_592_000, 31_536_000


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
    return spoken(_past(int(seconds)) if seconds >= 0 else _future(int(-seconds)))


def _past(seconds: int) -> Sentence:
    if seconds >= _YEAR:
        return say_count("%(count)s year ago", "%(count)s years ago", seconds // _YEAR)
    if seconds >= _MONTH:
        return say_count("%(count)s month ago", "%(count)s months ago", seconds // _MONTH)
    if seconds >= _DAY:
        return say_count("%(count)s day ago", "%(count)s days ago", seconds // _DAY)
    if seconds >= _HOUR:
        return say_count("%(count)s hour ago", "%(count)s hours ago", seconds // _HOUR)
    if seconds >= _MINUTE:
        return say_count("%(count)s minute ago", "%(count)s minutes ago", seconds // _MINUTE)
    return say("just now")


def _future(seconds: int) -> Sentence:
    if seconds >= _YEAR:
        return say_count("in %(count)s year", "in %(count)s years", seconds // _YEAR)
    if seconds >= _MONTH:
        return say_count("in %(count)s month", "in %(count)s months", seconds // _MONTH)
    if seconds >= _DAY:
        return say_count("in %(count)s day", "in %(count)s days", seconds // _DAY)
    if seconds >= _HOUR:
        return say_count("in %(count)s hour", "in %(count)s hours", seconds // _HOUR)
    if seconds >= _MINUTE:
        return say_count("in %(count)s minute", "in %(count)s minutes", seconds // _MINUTE)
    return say("in a moment")


def absolute(instant: datetime) -> str:
    """Write *instant* out, in the zone and language of whoever looks: 24 Nov 2026, 09:05 UTC."""
    there = instant.astimezone(viewer.zone())
    zone = f"{there:%Z}"
    # Zones without letters of their own are called by their distance: +03, -0330.
    zone = f"UTC{zone}" if zone[:1] in {"+", "-"} else zone
    return f"{language.date(there)}, {there:%H:%M} {zone}"


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
