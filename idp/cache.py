"""Rows that every request needs, kept in the process and dropped within a second of a change anywhere.

Who changes a client, a key or anything else that is read through the cache calls ``bump`` in the same transaction.
Each process watches that one number from a thread of its own, so no request waits for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Integer, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.db import Base, after_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sqlalchemy import Engine

Value = TypeVar("Value")
# What ``after_commit`` is told: this process drops at once, the others within half a second.
CHANGED = "cache"
_MOST_ENTRIES = 20_000


class CacheVersion(Base):
    """One row: the number that grows with every change of something cached."""

    __tablename__ = "cache_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer)


def bump(session: Session) -> None:
    """Make every process drop what it cached, once the transaction of *session* commits."""
    changed = session.execute(
        update(CacheVersion).values(version=CacheVersion.version + 1).returning(CacheVersion.version)
    )
    if changed.first() is None:
        session.execute(insert(CacheVersion).values(id=1, version=1))
    after_commit(session, CHANGED)


class Cache:
    """What one process remembers until ``bump`` is heard."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, object] = {}
        self._generation = 0
        self._seen_version: int | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    def get(self, key: Hashable, load: Callable[[], Value | None]) -> Value | None:
        """Return the entry *key*, loading it when it is not there; ``None`` (not found) is not kept."""
        found = self._entries.get(key)
        if found is not None:
            return cast("Value", found)
        generation = self._generation
        value = load()
        if value is not None:
            with self._lock:
                # What was read before a change must not be kept after it.
                if generation == self._generation and len(self._entries) < _MOST_ENTRIES:
                    self._entries[key] = value
        return value

    def drop(self) -> None:
        """Forget everything, and tell those who asked to hear of it."""
        with self._lock:
            self._generation += 1
            self._entries = {}
        for listener in self._listeners:
            listener()

    def on_drop(self, listener: Callable[[], None]) -> None:
        """Call *listener* after each drop."""
        self._listeners.append(listener)

    def check(self, engine: Engine) -> None:
        """Read the version once, and drop when it moved."""
        with engine.connect() as connection:
            version = connection.execute(select(CacheVersion.version)).scalar()
        if version != self._seen_version:
            self._seen_version = version
            self.drop()

    def watch(self, engine: Engine, *, every: float = 0.5, failed: Callable[[Exception], None]) -> threading.Thread:
        """Check *every* so many seconds from a daemon thread, until ``stop``; *failed* hears of what goes wrong."""

        def run() -> None:
            while not self._stop.wait(every):
                try:
                    self.check(engine)
                except Exception as error:  # noqa: BLE001 - the watcher must outlive a database that is away
                    # Nobody can tell what changed meanwhile, so nothing is remembered.
                    self.drop()
                    failed(error)

        thread = threading.Thread(target=run, name="cache-watch", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the watching thread."""
        self._stop.set()
