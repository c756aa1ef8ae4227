"""Menu entries: a page's module declares its own, so that a menu never leads to a page that is not there."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for

_KEY = "idp-navigation"


@dataclass(frozen=True, slots=True)
class NavEntry:
    """One menu entry: ``menu`` is ``account`` or ``admin``, ``order`` sorts it, ``group`` is the heading over it.

    ``method`` is ``post`` for what a visit alone must not do: it is shown as a button. ``covers`` names the blueprints
    of pages that belong to the entry and have none of their own.
    """

    menu: str
    label: str
    endpoint: str
    icon: str
    order: int
    group: str = ""
    method: str = "get"
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NavLink:
    """A menu entry as a template shows it."""

    label: str
    href: str
    icon: str
    current: bool
    group: str
    method: str


def add(extensions: dict[str, object], entry: NavEntry) -> None:
    """Add *entry* to the application that owns *extensions*."""
    entries = extensions.setdefault(_KEY, [])
    if isinstance(entries, list):
        entries.append(entry)


def links(menu: str) -> list[NavLink]:
    """Return the links of *menu*, in order, the one of the present page marked."""
    entries = [entry for entry in current_app.extensions.get(_KEY, []) if entry.menu == menu]
    here = (request.endpoint or "").rpartition(".")[0]
    return [
        NavLink(
            label=entry.label,
            href=url_for(entry.endpoint),
            icon=entry.icon,
            current=here in {entry.endpoint.rpartition(".")[0], *entry.covers},
            group=entry.group,
            method=entry.method,
        )
        for entry in sorted(entries, key=lambda entry: entry.order)
    ]
