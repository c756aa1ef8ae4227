"""Waking the background process as soon as something to send is in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import event

from idp.deliveries.store import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_log = structlog.get_logger(__name__)


def after_commits(session_factory: object, engine: Engine, wake: Callable[[], None]) -> None:
    """Call *wake* after each commit that queued deliveries in the database of *engine*.

    It may fail: the background process looks for what is due by itself every few seconds.
    """

    def committed(session: Session) -> None:
        # Released savepoints are announced, too; others see nothing of them yet.
        if session.info.get(WAITING) is engine and not session.in_nested_transaction():
            del session.info[WAITING]
            try:
                wake()
            except Exception:  # noqa: BLE001 - whoever signs out is not kept by a queue that is away
                _log.warning("background process not woken", exc_info=True)

    def rolled_back(session: Session) -> None:
        session.info.pop(WAITING, None)

    event.listen(session_factory, "after_commit", committed)
    event.listen(session_factory, "after_rollback", rolled_back)
