"""How much longer work takes here and now than on a machine of its own; bounds of time are stretched by that.

A fixed bound fails wherever other work shares the processors. A stretched one still fails when the server waits for
something that it should not wait for.
"""

from __future__ import annotations

import hashlib
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 0.25


class Pace:
    """What was measured so far."""

    def __init__(self) -> None:
        self._samples = [_sample() for _ in range(3)]

    @property
    def strain(self) -> float:
        """1 when the machine is idle, 3 when the same work takes three times as long."""
        return statistics.fmean(self._samples)

    def keep_looking(self, over: threading.Event) -> None:
        """Measure again and again until *over*."""
        while not over.wait(_EVERY):
            self._samples.append(_sample())


def _sample() -> float:
    began, busy = time.perf_counter(), time.thread_time()
    # Without Python's own lock, so that the other threads of the test do not count.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 20_000)
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - busy))


def strain() -> float:
    """Return by how much a bound of time is to be stretched at this moment."""
    return Pace().strain


@contextmanager
def watched() -> Iterator[Pace]:
    """Measure while the block runs, for bounds of what happens in it."""
    pace, over = Pace(), threading.Event()
    thread = threading.Thread(target=pace.keep_looking, args=(over,), daemon=True)
    thread.start()
    try:
        yield pace
    finally:
        over.set()
        thread.join()
