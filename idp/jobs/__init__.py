"""Background work: Huey runs it, the duties say what."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from huey import crontab

from idp.jobs import queue
from idp.jobs.duties import DUTIES, Duty, perform

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from huey import Huey

_MINUTE = 60
# Looking into an empty SQLite queue costs some microseconds; Redis announces by itself.
_LOOK_SECONDS = 0.25


def build(app: Flask) -> Huey:
    """Return the queue of *app*, with every duty on its schedule."""
    huey = queue.of(app)
    for duty in DUTIES:
        _schedule(huey, app, duty)
    return huey


def _schedule(huey: Huey, app: Flask, duty: Duty) -> None:
    """Have *duty* run at its interval; Huey's own schedule counts in minutes, shorter intervals are queued ahead."""
    seconds = int(duty.every.total_seconds())
    name = duty.name.replace("-", "_")

    def run() -> None:
        perform(app, duty)

    task = huey.task(name=name, expires=2 * _MINUTE)(run)

    def ahead() -> None:
        for delay in range(0, _MINUTE, min(seconds, _MINUTE)):
            task.schedule(delay=delay)

    minutes = max(1, seconds // _MINUTE)
    huey.periodic_task(crontab(minute=f"*/{minutes}"), name=f"queue_{name}")(ahead)
    huey.on_startup(name=f"first_{name}")(_once(run))


def _once(work: Callable[[], None]) -> Callable[[], None]:
    """Return what does *work* for the first of all threads that call it; Huey calls it in each of them."""
    begun = threading.Lock()

    def first() -> None:
        if begun.acquire(blocking=False):
            work()

    return first


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT."""
    consumer = build(app).create_consumer(
        # Beside those that send, two for the duties.
        workers=queue.SENDERS + 2,
        worker_type="thread",
        scheduler_interval=1,
        initial_delay=_LOOK_SECONDS,
        max_delay=_LOOK_SECONDS,
        graceful_signal="TERM",
    )
    consumer.run()
