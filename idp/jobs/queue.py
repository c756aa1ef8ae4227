"""The queue from the server processes to the background process: in Redis if there is one, else in a SQLite file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from huey import Huey, RedisHuey, SqliteHuey
from huey.serializer import SignedSerializer

from idp.settings import Settings
from idp.vault import Secrets

if TYPE_CHECKING:
    from flask import Flask

_KEY = "idp-queue"
# A message older than this has been overtaken by the duty that looks for what is due.
_STALE: Final = 120
# Several at once, so that one address that hangs holds up nobody else; never all threads of the background process.
SENDERS: Final = 4


def of(app: Flask) -> Huey:
    """Return the queue of *app*, which knows the one task that other processes ask for."""
    found: Huey | None = app.extensions.get(_KEY)
    if found is None:
        found = app.extensions[_KEY] = _make(app)
    return found


def wake(app: Flask) -> None:
    """Have what is due sent by the background process, now.

    Raises whatever the queue does when it is away.
    """
    of(app).idp_send()


def _make(app: Flask) -> Huey:
    settings = app.extensions["idp"][Settings]
    # Messages are pickled; the signature keeps out whoever can write to the queue but has no installation secret.
    serializer = SignedSerializer(secret=app.extensions["idp"][Secrets].derive("background work").hex())
    huey: Huey
    if settings.redis_url:
        huey = RedisHuey("doorward", url=settings.redis_url, results=False, serializer=serializer)
    else:
        huey = SqliteHuey("doorward", filename=str(settings.data_dir / "jobs.db"), results=False, serializer=serializer)

    places = threading.BoundedSemaphore(SENDERS)

    def send() -> None:
        # Needed by the background process alone.
        from idp.jobs.sending import send_due  # noqa: PLC0415

        # With all places taken there is nothing to do: each sender goes on until nothing is due.
        if places.acquire(blocking=False):
            try:
                send_due(app)
            finally:
                places.release()

    huey.idp_send = huey.task(name="send", expires=_STALE)(send)
    return huey
