"""Background work: Huey runs it, the duties say what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huey import Huey, RedisHuey, SqliteHuey, crontab
from huey.serializer import SignedSerializer

from idp.jobs.duties import DUTIES, Duty, perform
from idp.settings import Settings
from idp.vault import Secrets

if TYPE_CHECKING:
    from flask import Flask

_MINUTE = 60


def build(app: Flask) -> Huey:
    """Return the queue of *app*: in Redis if there is one, else in a SQLite file of its own."""
    settings = app.extensions["idp"][Settings]
    # Messages are pickled; the signature keeps out whoever can write to the queue but has no installation secret.
    serializer = SignedSerializer(secret=app.extensions["idp"][Secrets].derive("background work").hex())
    huey: Huey
    if settings.redis_url:
        huey = RedisHuey("doorward", url=settings.redis_url, results=False, serializer=serializer)
    else:
        huey = SqliteHuey("doorward", filename=str(settings.data_dir / "jobs.db"), results=False, serializer=serializer)
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

    def queue() -> None:
        for delay in range(0, _MINUTE, min(seconds, _MINUTE)):
            task.schedule(delay=delay)

    minutes = max(1, seconds // _MINUTE)
    huey.periodic_task(crontab(minute=f"*/{minutes}"), name=f"queue_{name}")(queue)
    huey.on_startup(name=f"first_{name}")(run)


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT."""
    build(app).create_consumer(workers=2, worker_type="thread", scheduler_interval=1, graceful_signal="TERM").run()
