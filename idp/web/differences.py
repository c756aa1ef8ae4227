"""Where two addresses differ, so that a page can mark it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

Segments = list[tuple[str, bool]]


def differing_from(text: str, other: str) -> Segments:
    """Cut *text* into what it shares with *other* at its two ends and what differs between; empty parts are left out.

    The second value of a segment tells whether it differs.
    """
    start = _shared(text, other)
    end = _shared(text[start:][::-1], other[start:][::-1])
    middle = len(text) - end
    segments = [(text[:start], False), (text[start:middle], True), (text[middle:], False)]
    return [segment for segment in segments if segment[0]]


def _shared(text: str, other: str) -> int:
    """Return how many letters both begin with."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(text), len(other)))


def init_app(app: Flask) -> None:
    """Give the templates of *app* the filter ``differing_from``."""
    app.jinja_env.filters["differing_from"] = differing_from
