"""Work that a process does every few seconds in a thread of its own, so that no request waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger(__name__)


class Periodic:
    """Does *work* every so many seconds, from the first ``begin`` until ``stop``.

    Work that fails is logged and tried again the next time: the thread outlives a database that is away.
    """

    def __init__(self, name: str, work: Callable[[], None], every: float) -> None:
        self._name = name
        self._work = work
        self._every = every
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread, unless it runs; cheap enough to be called again and again."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread, after it has done its work once more."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(self._every)
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next time may be better
                _log.warning("background_work_failed", work=self._name, cause=type(error).__name__)
