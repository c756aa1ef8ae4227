"""Passwords: Argon2id, never more of it at once than the machine can bear."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from idp import opaque
from idp.accounts import strength
from idp.accounts.strength import LONGEST
from idp.diagnosis import reasons
from idp.errors import HashingBusy

if TYPE_CHECKING:
    from collections.abc import Iterable

_WAIT_SECONDS = 5.0
_RETRY_AFTER = 5
_MEMORY_KIB = 19 * 1024
_PASSES = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is the right one, and whether its hash should be made anew under today's parameters."""

    ok: bool
    rehash: bool = False


def _argon2() -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1, type=argon2.Type.ID)


@cache
def _decoy() -> str:
    """Return what an unknown name's password is held against, so that it takes as long as a known one's."""
    return _argon2().hash(opaque.token())


class PasswordHasher:
    """Hashes and verifies passwords, a bounded number at a time.

    A worker process hashes at most ``cores // workers`` at once (one at least), so that all workers together leave
    nothing undone that the cores could do, and nothing starves. Of its ``threads`` at most half wait for a place, for
    five seconds at most; the other half goes on serving tokens.
    """

    def __init__(self, *, cores: int, workers: int, threads: int) -> None:
        self._argon2 = _argon2()
        self._places = _Places(max(1, cores // workers), most_waiting=max(1, threads // 2))
        self._decoy = _decoy()

    def hash(self, password: str) -> str:
        """Return the hash of *password*, of every character of it.

        Raises:
            HashingBusy: all places stayed taken.

        """
        with self._places:
            return self._argon2.hash(_bytes(password))

    def verify(self, stored: str | None, password: str) -> Verdict:
        """Hold *password* against *stored*; with nothing stored, spend the same time and say no.

        Raises:
            HashingBusy: all places stayed taken.

        """
        fits = stored is not None and len(password) <= LONGEST
        against = stored if stored is not None and fits else self._decoy
        with self._places:
            try:
                self._argon2.verify(against, _bytes(password[:LONGEST]))
            except (VerificationError, InvalidHashError):
                return Verdict(ok=False)
        return Verdict(ok=fits, rehash=self._argon2.check_needs_rehash(against))


class _Places:
    """A number of places, and a queue of limited length in front of them."""

    def __init__(self, places: int, *, most_waiting: int) -> None:
        self._free = places
        self._most_waiting = most_waiting
        self._waiting = 0
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        with self._changed:
            if self._free == 0:
                self._wait()
            self._free -= 1
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()

    def _wait(self) -> None:
        if self._waiting >= self._most_waiting:
            raise _busy("the queue is full")
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._free > 0, timeout=_WAIT_SECONDS):
                raise _busy("no place within five seconds")
        finally:
            self._waiting -= 1


def _busy(detail: str) -> HashingBusy:
    return HashingBusy(reasons.BUSY.public, retry_after=_RETRY_AFTER, detail=detail, reason=reasons.BUSY)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_new_password(password: str, *, names: Iterable[str] = ()) -> str | None:
    """Return the sentence that says why *password* cannot be chosen, or nothing; *names* are the person's own."""
    found = strength.judge(password, names=names)
    return None if found.ok else found.sentence
