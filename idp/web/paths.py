"""Paths of pages where no request says them: in commands, in the background, in mail."""

from __future__ import annotations

from flask import current_app


def path_of(endpoint: str, **values: str) -> str:
    """Return the path of *endpoint*, which begins with a slash; the issuer goes before it, never a request's host."""
    return current_app.url_map.bind("").build(endpoint, values)
