"""Deliveries: queue, claim, finish, look at, try again.

A delivery is due until it is sent, fails for good or is given up. Whoever sends it first claims it by one conditional
UPDATE; a claim runs out, so that what a sender left behind when it died is sent by another.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, and_, delete, func, or_, select, update
from sqlalchemy.orm import aliased

from idp import opaque
from idp.clients.models import ClientRow
from idp.db import after_commit
from idp.deliveries.models import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from idp.deliveries.faults import NotSent

QUEUED: Final = "queued"
SENT: Final = "sent"
FAILED: Final = "failed"
GIVEN_UP: Final = "given_up"
STATES: Final = (QUEUED, SENT, FAILED, GIVEN_UP)

LOGOUT_TOKEN: Final = "logout_token"
MAIL: Final = "mail"
KINDS: Final = (MAIL, LOGOUT_TOKEN)

# How long after each failed attempt the next one follows; after the last of them it has failed for good.
RETRIES: Final = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
# Longer than the longest attempt, unless whoever makes it holds on to it (``hold``).
CLAIMED_FOR: Final = timedelta(seconds=60)
KEPT: Final = timedelta(days=30)
# A mail server that hangs keeps no more senders than this; the others go on.
MAILS_AT_ONCE: Final = 2
WAITING = "deliveries"
_OUT_OF_DATE = "It waited until what it says was out of date."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is the caller's to send; ``claim`` proves it."""

    id: str
    kind: str
    client_id: str | None
    person_id: str | None
    facts: dict[str, Any]
    sealed: str | None
    attempts: int
    claim: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries a list shows; empty: all."""

    state: str = ""
    # ``MAIL`` or ``LOGOUT_TOKEN``.
    kind: str = ""
    # A part of the app's name, of its client_id or of a mail's address.
    search: str = ""

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a query."""
        found: list[ColumnElement[bool]] = []
        if self.state:
            found.append(Delivery.state == self.state)
        if self.kind:
            found.append(Delivery.kind == self.kind)
        if self.search:
            key = unicodedata.normalize("NFKC", self.search).casefold()
            named = ClientRow.name_key.contains(key, autoescape=True)
            meant = select(ClientRow.client_id).where(
                or_(named, ClientRow.client_id.contains(self.search, autoescape=True))
            )
            address = Delivery.facts["to"].as_string().icontains(self.search, autoescape=True)
            found.append(or_(Delivery.client_id.in_(meant), and_(Delivery.kind == MAIL, address)))
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, the newest first; ``older`` and ``newer`` are where the neighbouring pages begin."""

    deliveries: tuple[Delivery, ...]
    total: int
    newer: str | None
    older: str | None


def add(  # noqa: PLR0913 - keyword only: what a delivery consists of
    session: Session,
    kind: str,
    *,
    now: datetime,
    facts: dict[str, Any],
    client_id: str | None = None,
    person_id: str | None = None,
    sign_out_id: str | None = None,
) -> Delivery:
    """Queue a delivery; it is due as soon as the transaction of *session* commits."""
    row = Delivery(
        id=opaque.new_id("dlv"),
        kind=kind,
        client_id=client_id,
        person_id=person_id,
        sign_out_id=sign_out_id,
        facts=facts,
        state=QUEUED,
        attempts=0,
        due_at=now,
        created_at=now,
    )
    session.add(row)
    after_commit(session, WAITING)
    return row


def claim(session: Session, now: datetime, kinds: Collection[str]) -> Claimed | None:
    """Take the delivery of one of *kinds* that has been due longest, or nothing when none is.

    While one is under way to a client the next one to it waits: an address that hangs holds up nobody else.
    """
    first = (
        select(Delivery.id)
        .where(*_due(now, kinds), *_not_too_many(now))
        .order_by(Delivery.due_at, Delivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    token = opaque.token()
    taken = session.execute(
        update(Delivery)
        .where(Delivery.id == first.scalar_subquery(), Delivery.state == QUEUED, Delivery.due_at <= now)
        .values(claim=token, due_at=now + CLAIMED_FOR, tried_at=now, attempts=Delivery.attempts + 1)
        .returning(
            Delivery.id,
            Delivery.kind,
            Delivery.client_id,
            Delivery.person_id,
            Delivery.facts,
            Delivery.sealed,
            Delivery.attempts,
        )
        .execution_options(synchronize_session=False)
    ).first()
    return None if taken is None else Claimed(**taken._asdict(), claim=token)


def due(session: Session, now: datetime, kinds: Collection[str]) -> int:
    """Count the deliveries of *kinds* that nobody is at and that should be under way."""
    return int(session.execute(select(func.count()).where(*_due(now, kinds))).scalar_one())


def hold(session: Session, claimed: Claimed, until: datetime) -> bool:
    """Keep others from a delivery for longer than ``CLAIMED_FOR``; false when the claim ran out before."""
    return _finish(session, claimed, {"due_at": until, "claim": claimed.claim})


def succeed(session: Session, claimed: Claimed, now: datetime) -> bool:
    """Note that it arrived; false when the claim ran out meanwhile."""
    # What a mail said may let somebody in; nobody needs it here any more.
    done = {"state": SENT, "finished_at": now, "due_at": None, "fault": "", "sealed": None}
    return _finish(session, claimed, done)


def fail(session: Session, claimed: Claimed, error: NotSent, now: datetime) -> str | None:
    """Note a failed attempt, which is repeated later if that makes sense and there is a retry left.

    Return the state that it is in now; ``None`` when the claim ran out meanwhile.
    """
    fault = str(error)
    values: dict[str, Any]
    if error.wait is not None:
        # What never got as far as an answer has all of its retries left.
        values = {"state": QUEUED, "due_at": now + error.wait, "fault": fault, "attempts": claimed.attempts - 1}
        postpone(session, claimed.kind, now + error.wait, now)
    elif error.again and claimed.attempts <= len(RETRIES):
        values = {"state": QUEUED, "due_at": now + RETRIES[claimed.attempts - 1], "fault": fault}
    else:
        values = {"state": FAILED, "finished_at": now, "due_at": None, "fault": fault}
    return str(values["state"]) if _finish(session, claimed, values) else None


def postpone(session: Session, kind: str, until: datetime, now: datetime) -> None:
    """Have everything of *kind* that is due wait until then."""
    session.execute(
        update(Delivery).where(*_due(now, [kind])).values(due_at=until).execution_options(synchronize_session=False)
    )


def retry(session: Session, delivery_id: str, now: datetime) -> bool:
    """Have a delivery tried at once, with all its retries anew; false when it was sent, is under way or out of date."""
    changed = session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.state != SENT,
            _of_use(now),
            or_(_free(now), Delivery.state != QUEUED),
        )
        .values(state=QUEUED, due_at=now, claim=None, attempts=0, finished_at=None)
        .execution_options(synchronize_session="fetch")
    )
    after_commit(session, WAITING)
    return _count(changed) > 0


def give_up(session: Session, delivery_id: str, now: datetime) -> bool:
    """End the tries; false when there was nothing to end."""
    changed = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == QUEUED)
        .values(state=GIVEN_UP, due_at=None, claim=None, finished_at=now)
        .execution_options(synchronize_session="fetch")
    )
    return _count(changed) > 0


def find(session: Session, delivery_id: str) -> Delivery | None:
    """Return one delivery."""
    return session.get(Delivery, delivery_id)


def of_sign_out(session: Session, sign_out_id: str) -> Sequence[Delivery]:
    """Return what was queued when a session ended."""
    return session.execute(select(Delivery).where(Delivery.sign_out_id == sign_out_id)).scalars().all()


def page(
    session: Session, chosen: Filter, *, older: str | None = None, newer: str | None = None, limit: int = 50
) -> Page:
    """Return *limit* deliveries, the newest first: those before the id *older*, or those after the id *newer*."""
    conditions = chosen.conditions
    total = int(session.execute(select(func.count()).select_from(Delivery).where(*conditions)).scalar_one())
    query = select(Delivery).where(*conditions)
    if newer is not None:
        query = query.where(Delivery.id > newer).order_by(Delivery.id)
    else:
        query = query.where(*([Delivery.id < older] if older is not None else [])).order_by(Delivery.id.desc())
    rows = list(session.execute(query.limit(limit + 1)).scalars())
    has_more, rows = len(rows) > limit, rows[:limit]
    if newer is not None:
        rows.reverse()
    has_newer, has_older = (has_more, True) if newer is not None else (older is not None, has_more)
    return Page(
        tuple(rows),
        total,
        newer=rows[0].id if rows and has_newer else None,
        older=rows[-1].id if rows and has_older else None,
    )


def failed(session: Session, chosen: Filter) -> Sequence[str]:
    """Return the ids of those among *chosen* that have failed, the oldest first."""
    query = select(Delivery.id).where(*chosen.conditions, Delivery.state == FAILED).order_by(Delivery.id)
    return session.execute(query).scalars().all()


def counts(session: Session) -> dict[tuple[str, str], int]:
    """Return how many deliveries there are of each kind in each state."""
    rows = session.execute(select(Delivery.kind, Delivery.state, func.count()).group_by(Delivery.kind, Delivery.state))
    return {(kind, state): int(count) for kind, state, count in rows}


def purge(session: Session, now: datetime) -> int:
    """Delete what was finished a month ago; return how many."""
    return _count(session.execute(delete(Delivery).where(Delivery.finished_at < now - KEPT)))


def expire(session: Session, now: datetime) -> int:
    """Give up what waited until it was of no use to anybody, and forget what it said; return how many."""
    waiting = update(Delivery).where(Delivery.state == QUEUED, ~_of_use(now), _free(now))
    given_up = {"state": GIVEN_UP, "due_at": None, "claim": None, "finished_at": now, "fault": _OUT_OF_DATE}
    count = _count(session.execute(waiting.values(**given_up).execution_options(synchronize_session=False)))
    forgotten = update(Delivery).where(Delivery.sealed.is_not(None), Delivery.state != QUEUED, ~_of_use(now))
    session.execute(forgotten.values(sealed=None).execution_options(synchronize_session=False))
    return count


def _due(now: datetime, kinds: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (Delivery.state == QUEUED, Delivery.due_at <= now, Delivery.kind.in_(kinds), _of_use(now))


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(Delivery.claim.is_(None), Delivery.due_at <= now)


def _of_use(now: datetime) -> ColumnElement[bool]:
    return or_(Delivery.expires_at.is_(None), and_(Delivery.expires_at > now, Delivery.sealed.is_not(None)))


def _not_too_many(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return that no other delivery to the same client is under way, and not too many mails."""
    other = aliased(Delivery)
    under_way = (other.state == QUEUED, other.claim.is_not(None), other.due_at > now)
    to_client = select(other.id).where(other.client_id == Delivery.client_id, *under_way)
    mails = select(func.count(other.id)).where(other.kind == MAIL, *under_way).scalar_subquery()
    return ~to_client.exists(), or_(Delivery.kind != MAIL, mails < MAILS_AT_ONCE)


def _finish(session: Session, claimed: Claimed, values: dict[str, Any]) -> bool:
    changed = session.execute(
        update(Delivery)
        .where(Delivery.id == claimed.id, Delivery.claim == claimed.claim, Delivery.state == QUEUED)
        .values(**{"claim": None} | values)
        .execution_options(synchronize_session=False)
    )
    return _count(changed) > 0


def _count(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount
