"""The id under which everything about one request is found: log lines, audit entries, what an error page shows."""

from __future__ import annotations

from flask import g, has_request_context

from idp import opaque


def request_id() -> str:
    """Return the id of the present request (``req_…``); one that a client sends is never believed."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        g.request_id = opaque.new_id("req")
    found: str = g.request_id
    return found
