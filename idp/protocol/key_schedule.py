"""A signing key's life: next, active, retiring, retired, or revoked at once; when each change is due.

One key of an algorithm is active. Every key is published for at least the max-age of the key set before its first
signature, and for at least the longest token's life after its last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class KeyState(StrEnum):
    """Where a key stands."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"

    @property
    def is_published(self) -> bool:
        """Tell whether the key set holds the key."""
        return self in (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)

    @property
    def verifies(self) -> bool:
        """Tell whether a live token signed with the key is accepted.

        The next key is among them: another worker may sign with it a moment before this one learns of the promotion.
        """
        return self.is_published

    @property
    def verifies_hints(self) -> bool:
        """Tell whether an old ID token of the key still tells who it was for; only a revoked key proves nothing."""
        return self is not KeyState.REVOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What the schedule reads of a key; `retiring_at` is the last instant at which it may have signed."""

    kid: str
    alg: str
    state: KeyState
    published_at: datetime
    activated_at: datetime | None = None
    retiring_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long keys sign and stay published."""

    rotate_every: timedelta
    publish_ahead: timedelta
    keep: timedelta
    jwks_max_age: timedelta
    longest_token_lifetime: timedelta


class Change(StrEnum):
    """One planned change."""

    # Make a new key of the algorithm and publish it.
    PUBLISH = "publish"
    # Let the key sign from now on; the active key of its algorithm, if any, becomes retiring in the same transaction.
    PROMOTE = "promote"
    # Take the key out of the key set.
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that is due; `kid` is `None` for a key that is yet to be made."""

    change: Change
    alg: str
    kid: str | None = None


def first_published_at(keys: Iterable[KeyFacts], alg: str) -> datetime | None:
    """Return when the first key of an algorithm was published, among all keys ever made; `None` when there is none."""
    return min((key.published_at for key in keys if key.alg == alg), default=None)


def ready_at(key: KeyFacts, first: datetime | None, jwks_max_age: timedelta) -> datetime:
    """Return the instant from which *key* may sign: every key set that can still be cached holds it by then.

    *first* is `first_published_at` of its algorithm. A key published as early as that is in every set that holds any
    key of the algorithm, so that it can sign, and follow the first, at once. Where the algorithm was chosen when sets
    had been served already, those hold neither (docs/decisions/0002).
    """
    if first is None or key.published_at <= first:
        return key.published_at
    return key.published_at + jwks_max_age


def may_sign(key: KeyFacts, first: datetime | None, jwks_max_age: timedelta, now: datetime) -> bool:
    """Tell whether *key* may sign at *now* (aware): every verifier can have it by then (K05)."""
    return key.state in (KeyState.NEXT, KeyState.ACTIVE) and now >= ready_at(key, first, jwks_max_age)


def promotion_at(active: KeyFacts, schedule: Schedule) -> datetime:
    """Return when the successor of the active key is to take over."""
    return (active.activated_at or active.published_at) + schedule.rotate_every


def publication_at(active: KeyFacts, schedule: Schedule) -> datetime:
    """Return by when the successor of the active key is to be published."""
    return promotion_at(active, schedule) - max(schedule.publish_ahead, schedule.jwks_max_age)


def retirement_at(key: KeyFacts, schedule: Schedule) -> datetime:
    """Return from when a retiring key is needed by nobody: the longest token it may have signed has run out."""
    return (key.retiring_at or key.published_at) + max(schedule.keep, schedule.longest_token_lifetime)


def due(keys: Iterable[KeyFacts], schedule: Schedule, now: datetime) -> tuple[Transition, ...]:
    """Return the changes that are due at *now* (aware), retirements last; the same question has the same answer.

    An algorithm that has keys has, or is on the way to, an active one: where the active key was revoked, a successor
    is published at once and promoted when it is ready. An algorithm without any key is not in use.
    """
    known = sorted(keys, key=lambda key: (key.alg, key.published_at, key.kid))
    planned: list[Transition] = []
    for alg in dict.fromkeys(key.alg for key in known):
        planned += _due_for(alg, [key for key in known if key.alg == alg], schedule, now)
    retirements = [key for key in known if key.state is KeyState.RETIRING and now >= retirement_at(key, schedule)]
    return (*planned, *(Transition(Change.RETIRE, key.alg, key.kid) for key in retirements))


def _due_for(alg: str, keys: list[KeyFacts], schedule: Schedule, now: datetime) -> list[Transition]:
    active = next((key for key in keys if key.state is KeyState.ACTIVE), None)
    upcoming = next((key for key in keys if key.state is KeyState.NEXT), None)
    if upcoming is None:
        needed = active is None or now >= publication_at(active, schedule)
        return [Transition(Change.PUBLISH, alg)] if needed else []
    wanted = active is None or now >= promotion_at(active, schedule)
    ready = may_sign(upcoming, first_published_at(keys, alg), schedule.jwks_max_age, now)
    return [Transition(Change.PROMOTE, alg, upcoming.kid)] if wanted and ready else []
