"""Waking the background process as soon as something to send is in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger(__name__)


def try_to(wake: Callable[[], None]) -> None:
    """Call *wake*; it may fail, since the background process looks for what is due by itself every few seconds."""
    try:
        wake()
    except Exception:  # noqa: BLE001 - whoever signs out is not kept by a queue that is away
        _log.warning("background process not woken", exc_info=True)
