"""Limits on failed tries, counted for all workers together: reserved before the slow work, given back on success.

A try is counted before it is known whether it fails, so that any number of parallel guesses meets the limit; only
failures stay counted. Counters decay by themselves: nobody is ever locked out for good.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from flask import Flask
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.db import transaction
from idp.diagnosis import reasons
from idp.errors import TooManyAttempts
from idp.settings import Settings
from idp.web.current import provide, service
from idp.web.models import ThrottleCounter
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

QUARTER_HOUR = timedelta(minutes=15)
# Longer than any rule counts or blocks.
_KEPT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Rule:
    """How many failures are free, and how long the next try waits after each further one."""

    name: str
    free: int
    first_wait: timedelta
    longest_wait: timedelta
    # The wait doubles with each failure, up to the longest.
    doubles: bool = True
    # Failures are forgotten this long after the last one (``slides``) or after the first one.
    window: timedelta = QUARTER_HOUR
    slides: bool = False

    def wait_after(self, failures: int) -> timedelta:
        """Return how long to wait after this many *failures*."""
        if failures < self.free:
            return timedelta(0)
        doublings = min(failures - self.free, 20) if self.doubles else 0
        return min(self.first_wait * (1 << doublings), self.longest_wait)


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule, and whose failures it counts (an account and an address, a device …)."""

    rule: Rule
    subject: str

    @property
    def key(self) -> str:
        """The counter's key: names and addresses are not kept in it."""
        return f"{self.rule.name}:{hashlib.sha256(self.subject.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of one counter."""

    failures: int
    window_started_at: datetime
    blocked_until: datetime | None

    def next(self, rule: Rule, now: datetime) -> Count:
        """Return the counter with one failure more."""
        is_over = now - self.window_started_at >= rule.window
        failures = 1 if is_over else self.failures + 1
        wait = rule.wait_after(failures)
        started_at = now if is_over or rule.slides else self.window_started_at
        return Count(failures, started_at, now + wait if wait else None)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A try that counts as failed until it is given back: the keys, and until when each is blocked by it."""

    taken: tuple[tuple[str, datetime | None], ...]


class Blocked(TooManyAttempts):
    """A try that comes too early; ``limit`` names the rule."""

    def __init__(self, limit: str, seconds: int) -> None:
        public = say("Try again in %(seconds)s s.", seconds=seconds)
        super().__init__(public, retry_after=seconds, reason=reasons.TOO_MANY_ATTEMPTS)
        self.limit = limit


class Throttle(Protocol):
    """Counters that all workers share."""

    def reserve(self, limits: Sequence[Limit], now: datetime) -> Reservation:
        """Count a try against all of *limits*, or against none.

        Raises:
            Blocked: one of them makes it wait.

        """

    def give_back(self, reservation: Reservation, now: datetime) -> None:
        """Uncount a try that did not fail."""


class DatabaseThrottle:
    """Counters in the database; each call is a transaction of its own, committed before the slow work begins."""

    def reserve(self, limits: Sequence[Limit], now: datetime) -> Reservation:
        """Count a try against all of *limits*, or against none (see ``Throttle``)."""
        by_key = {limit.key: limit for limit in limits}
        with transaction() as session:
            counts = self._locked(session, sorted(by_key), now)
            waiting = [
                (count.blocked_until, by_key[key].rule.name)
                for key, count in counts.items()
                if count.blocked_until is not None and count.blocked_until > now
            ]
            if not waiting:
                return self._take(session, by_key, counts, now)
        until, name = max(waiting)
        raise Blocked(name, _whole_seconds(until - now))

    def give_back(self, reservation: Reservation, now: datetime) -> None:  # noqa: ARG002 - the interface of Throttle
        """Uncount a try that did not fail, with the wait that it alone caused."""
        with transaction() as session:
            for key, blocked_until in sorted(reservation.taken):
                counter = update(ThrottleCounter).where(ThrottleCounter.key == key, ThrottleCounter.failures > 0)
                session.execute(
                    counter.values(failures=ThrottleCounter.failures - 1).execution_options(synchronize_session=False)
                )
                if blocked_until is not None:
                    session.execute(
                        update(ThrottleCounter)
                        .where(ThrottleCounter.key == key, ThrottleCounter.blocked_until == blocked_until)
                        .values(blocked_until=None)
                        .execution_options(synchronize_session=False)
                    )

    def _locked(self, session: Session, keys: list[str], now: datetime) -> dict[str, Count]:
        """Return the counters of *keys*, made where they are missing, locked in one order until the commit."""
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        rows = [{"key": key, "failures": 0, "window_started_at": now, "blocked_until": None} for key in keys]
        session.execute(dialect.insert(ThrottleCounter).values(rows).on_conflict_do_nothing())
        found = session.execute(
            select(
                ThrottleCounter.key,
                ThrottleCounter.failures,
                ThrottleCounter.window_started_at,
                ThrottleCounter.blocked_until,
            )
            .where(ThrottleCounter.key.in_(keys))
            .order_by(ThrottleCounter.key)
            .with_for_update()
        )
        return {key: Count(failures, started_at, until) for key, failures, started_at, until in found}

    def _take(self, session: Session, by_key: dict[str, Limit], counts: dict[str, Count], now: datetime) -> Reservation:
        taken = []
        for key, count in counts.items():
            following = count.next(by_key[key].rule, now)
            session.execute(
                update(ThrottleCounter)
                .where(ThrottleCounter.key == key)
                .values(
                    failures=following.failures,
                    window_started_at=following.window_started_at,
                    blocked_until=following.blocked_until,
                )
                .execution_options(synchronize_session=False)
            )
            taken.append((key, following.blocked_until))
        return Reservation(tuple(taken))


def throttle() -> Throttle:
    """Return the application's counters: on Redis where one is configured, else in the database."""
    found: Throttle = service(_Shared).counters
    return found


def purge(session: Session, now: datetime) -> int:
    """Delete counters that no rule looks at any more; return how many."""
    result = session.execute(delete(ThrottleCounter).where(ThrottleCounter.window_started_at < now - _KEPT))
    return result.rowcount if isinstance(result, CursorResult) else 0


def _whole_seconds(wait: timedelta) -> int:
    return max(1, -(-wait // timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class _Shared:
    counters: Throttle


def init_app(app: Flask) -> None:
    """Choose where the counters of *app* are."""
    with app.app_context():
        settings = service(Settings)
    if settings.redis_url:
        # Only who uses Redis needs its client.
        from idp.web.throttle_redis import RedisThrottle  # noqa: PLC0415

        provide(app, _Shared(RedisThrottle(settings.redis_url)))
    else:
        provide(app, _Shared(DatabaseThrottle()))
