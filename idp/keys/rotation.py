"""A key's life: next, active, retiring, retired; or revoked at once.

Each change makes its keys first and then commits in a transaction of its own, so none may be open. What was read
before is asked again by the statements that write: of two servers that rotate at once one wins, and the other gets a
clean ``Conflict``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from idp import cache
from idp.audit import events
from idp.audit.log import SYSTEM, Actor, record
from idp.db import db, transaction
from idp.errors import Conflict, NotFound
from idp.keys import readiness, schedule, store
from idp.keys.models import Canary, Installation, SignedFor, SigningKey
from idp.keys.store import ACTIVE, NEXT, RETIRED, RETIRING, REVOKED, MadeKey
from idp.protocol.key_schedule import Change as Planned

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.protocol.key_schedule import Transition
    from idp.settings import Settings
    from idp.vault import Vault

_CHANGED: Final = "The keys were changed by somebody else a moment ago. Look at them again."
_STAMPS = {ACTIVE: "activated_at", RETIRING: "retiring_at", RETIRED: "retired_at", REVOKED: "revoked_at"}


class TooEarly(Conflict):
    """Somebody may still hold a key set without the next key; ``ready_at`` is when nobody can any more."""

    def __init__(self, key: SigningKey, ready_at: datetime) -> None:
        super().__init__(
            f"It is too early: {key.name} was published at {key.published_at:%H:%M:%S} UTC, and apps may hold a key "
            f"set without it until {ready_at:%d %B %Y, %H:%M:%S} UTC. Rotate then, or force it now."
        )
        self.ready_at = ready_at


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes keys, when, and with what."""

    vault: Vault
    settings: Settings
    now: datetime
    by: Actor = SYSTEM


class Rotated(NamedTuple):
    """The kids after a change: which key signs, which one follows, and which one stopped signing."""

    active: str
    next: str
    before: str | None


class _Held(NamedTuple):
    """The keys of one algorithm as they were read."""

    active: SigningKey | None
    next: SigningKey | None
    every: list[SigningKey]


def _nothing(_session: Session) -> None:
    """Do nothing further."""


def rotate(change: Change, alg: str, *, force: bool = False) -> Rotated:
    """Let the next key of *alg* sign, and publish another one.

    Raises:
        TooEarly: the next key is not in every key set that may still be cached, and *force* was not given.
        Conflict: there is no next key (with *force* a new one signs at once), or the keys changed meanwhile.
        FieldErrors: there is no such algorithm.

    """
    held = _held(alg)
    if not force:
        _require_ready(change, alg, held)
    made = [store.make(change.vault, alg) for _ in range(1 if held.next else 2)]
    with transaction() as session, session.begin_nested():
        if held.active:
            _move(session, held.active, RETIRING, change.now)
        signing = _take_over(session, change, held, made)
        follower = _publish(session, change, made.pop(), NEXT)
    return Rotated(signing, follower, held.active.kid if held.active else None)


def replace(change: Change, alg: str, *, also: Callable[[Session], object] = _nothing) -> Rotated:
    """Withdraw the key that signs with *alg*: revoke it, let the next one sign, refuse every token issued before.

    *also* is called in the same transaction.

    Raises:
        Conflict: nothing signs with *alg*, or the keys changed meanwhile.
        FieldErrors: there is no such algorithm.

    """
    held = _held(alg)
    if held.active is None:
        raise Conflict(f"No key signs with {alg}.")
    made = [store.make(change.vault, alg) for _ in range(1 if held.next else 2)]
    with transaction() as session, session.begin_nested():
        _move(session, held.active, REVOKED, change.now)
        signing = _take_over(session, change, held, made)
        _audit_revocation(session, change, held.active, successor=signing)
        session.execute(update(Installation).values(not_before=change.now))
        follower = _publish(session, change, made.pop(), NEXT)
        also(session)
    return Rotated(signing, follower, held.active.kid)


def revoke(change: Change, kid: str, *, also: Callable[[Session], object] = _nothing) -> Rotated | None:
    """Withdraw the key *kid* at once; for the key that signs this is ``replace``.

    *also* is called in the same transaction, if the key has ever signed.

    Raises:
        NotFound: there is no such key.
        Conflict: it is revoked already, or the keys changed meanwhile.

    """
    key = store.find(db.session(), kid)
    db.session.rollback()
    if key is None:
        raise NotFound("There is no such key.")
    if key.state == REVOKED:
        raise Conflict(f"The key {key.name} is revoked already.")
    if key.state == ACTIVE:
        return replace(change, key.alg, also=also)
    with transaction() as session, session.begin_nested():
        _move(session, key, REVOKED, change.now)
        _audit_revocation(session, change, key, successor="")
        if key.activated_at is not None or _was_tried(session, kid):
            also(session)
    if key.state == NEXT:
        publish_next(change, key.alg)
    return None


def publish_next(change: Change, alg: str) -> str | None:
    """Publish a key that follows the one of *alg*, unless there is one; return its kid.

    Raises:
        FieldErrors: there is no such algorithm.

    """
    store.algorithm_named(alg)
    if _held(alg).next is not None:
        return None
    made = store.make(change.vault, alg)
    with transaction() as session:
        return _publish(session, change, made, NEXT)


def run_schedule(session: Session, vault: Vault, settings: Settings, *, now: datetime) -> list[str]:
    """Do what is due: publish, promote, retire; return the kids that changed.

    Two servers may run it at once: what the other one did first is left alone.
    """
    change = Change(vault, settings, now)
    keys = {key.kid: key for key in store.all_keys(session)}
    session.rollback()
    changed: list[str] = []
    for transition in schedule.due(keys.values(), settings, now):
        try:
            changed.append(_carry_out(change, transition, keys))
        except Conflict:
            continue
    return [kid for kid in changed if kid]


def is_held(found: readiness.Readiness, settings: Settings, now: datetime) -> bool:
    """Tell whether the schedule waits before it lets the next key sign, because somebody would break."""
    return bool(found.holding(settings, now)) or (found.settled_at is not None and now < found.settled_at)


def _may_promote(change: Change, alg: str, keys: dict[str, SigningKey]) -> bool:
    """Tell whether nobody has to be waited for; where nothing signs, nobody can break."""
    if not any(key.alg == alg and key.state == ACTIVE for key in keys.values()):
        return True
    session = db.session()
    found = readiness.assess(session, change.settings, alg, change.now)
    session.rollback()
    return not is_held(found, change.settings, change.now)


def _carry_out(change: Change, transition: Transition, keys: dict[str, SigningKey]) -> str:
    if transition.change is Planned.PUBLISH:
        return publish_next(change, transition.alg) or ""
    if transition.change is Planned.PROMOTE:
        return rotate(change, transition.alg).active if _may_promote(change, transition.alg, keys) else ""
    return _retire(change, keys[transition.kid or ""])


def _retire(change: Change, key: SigningKey) -> str:
    with transaction() as session, session.begin_nested():
        _move(session, key, RETIRED, change.now)
        event = events.KeyRetired(target_id=key.kid, target_name=key.name, alg=key.alg)
        record(session, event, now=change.now, actor=change.by)
    return key.kid


def _held(alg: str) -> _Held:
    store.algorithm_named(alg)
    keys = store.of_algorithm(db.session(), alg)
    db.session.rollback()
    return _Held(next(iter(store.in_state(keys, ACTIVE)), None), next(iter(schedule.followers(keys)), None), keys)


def _require_ready(change: Change, alg: str, held: _Held) -> None:
    if held.next is None:
        raise Conflict(f"There is no next key for {alg} yet. Publish one, and rotate when it is known everywhere.")
    ready_at = schedule.may_sign_at(held.next, held.every, change.settings)
    if change.now < ready_at:
        raise TooEarly(held.next, ready_at)


def _take_over(session: Session, change: Change, held: _Held, made: list[MadeKey]) -> str:
    """Let the next key sign, or one of *made* where there is none; return its kid."""
    if held.next is None:
        return _publish(session, change, made.pop(), ACTIVE)
    _move(session, held.next, ACTIVE, change.now)
    event = events.KeyPromoted(
        target_id=held.next.kid,
        target_name=held.next.name,
        alg=held.next.alg,
        predecessor=held.active.name if held.active else "",
    )
    record(session, event, now=change.now, actor=change.by)
    return held.next.kid


def _was_tried(session: Session, kid: str) -> bool:
    """Tell whether the key *kid* may have signed for an app before it signed for all."""
    signed = exists().where(SignedFor.kid == kid)
    return bool(session.execute(select(or_(signed, exists().where(Canary.kid == kid)))).scalar())


def _publish(session: Session, change: Change, made: MadeKey, state: str) -> str:
    try:
        with session.begin_nested():
            name = store.add(session, made, state=state, now=change.now)
    except IntegrityError:
        # Another server made a key that signs, where there was none.
        raise Conflict(_CHANGED) from None
    event = events.KeyCreated(target_id=made.kid, target_name=name, alg=made.alg, state=state)
    record(session, event, now=change.now, actor=change.by)
    return made.kid


def _audit_revocation(session: Session, change: Change, key: SigningKey, *, successor: str) -> None:
    event = events.KeyRevoked(target_id=key.kid, target_name=key.name, alg=key.alg, successor=successor)
    record(session, event, now=change.now, actor=change.by)


def _move(session: Session, key: SigningKey, state: str, now: datetime) -> None:
    """Change the state of *key*, if it is still the one that was read."""
    values: dict[str, object] = {"state": state, _STAMPS[state]: now}
    if state in {RETIRED, REVOKED}:
        # It will never sign again, so its private part need not be there to be stolen.
        values["private_jwk"] = None
    statement = update(SigningKey).where(SigningKey.kid == key.kid, SigningKey.state == key.state).values(**values)
    moved = session.execute(statement.execution_options(synchronize_session=False).returning(SigningKey.kid))
    if moved.first() is None:
        raise Conflict(_CHANGED)
    cache.bump(session)
