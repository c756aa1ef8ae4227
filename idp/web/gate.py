"""What every request passes before anything else looks at it, in this order."""

from __future__ import annotations

from flask import Flask

from idp.web import hosts, limits, logs

STEPS = (
    logs.begin_request,
    hosts.check_host,
    limits.check_path,
    limits.check_method,
    limits.check_sizes,
    limits.check_text,
    limits.check_body,
)


def _pass() -> None:
    for step in STEPS:
        step()


def init_app(app: Flask) -> None:
    """Put the gate in front of what was registered earlier, the protection of forms included."""
    app.before_request_funcs.setdefault(None, []).insert(0, _pass)
