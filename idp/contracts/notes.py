"""What was issued, gathered in the process and written in the background.

A token costs one entry of a dictionary here: nothing is written on the way to it. Every few seconds a thread of its own
compares what was gathered with what is pinned. A process that dies loses the last of it.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import clock
from idp.audit.contract_events import ContractBroken
from idp.audit.log import SYSTEM, record
from idp.clients.models import ClientRow, TokenContract
from idp.contracts import schema
from idp.contracts.schema import KINDS, Frame, Shape
from idp.periodic import Periodic
from idp.protocol import scopes as scope_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import ColumnElement, Engine

    # Client, kind and scopes in; what its tokens would hold out.
    FrameOf = Callable[[str, str, tuple[str, ...]], Frame | None]

EVERY: Final = 10.0
# What one process tells apart in one batch, and how many contracts one client has.
_MOST_SHAPES: Final = 2000
_MOST_CONTRACTS: Final = 60
_MOST_FAULTS: Final = 20
# Every process issues what was agreed to within this time (idp.cache); what was gathered until then is of both sorts.
_SETTLED: Final = timedelta(seconds=1)
_log = structlog.get_logger(__name__)


class Key(NamedTuple):
    """Whose tokens, which, and for what."""

    client_id: str
    kind: str
    scope: str


class Notes:
    """Remembers what tokens held; ``frame_of`` says what they would, for a contract that begins."""

    def __init__(self, engine: Engine, frame_of: FrameOf, *, every: float = EVERY) -> None:
        self._engine = engine
        self._frame_of = frame_of
        self._counts: dict[tuple[str, str, tuple[str, ...], Shape], int] = {}
        self._since: datetime | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread = Periodic("token-contracts", self.flush, every)

    def note(  # noqa: PLR0913 - keyword where it matters: what is known of a token
        self,
        client_id: str,
        kind: str,
        scopes: tuple[str, ...],
        claims: Mapping[str, Any],
        *,
        now: datetime,
        alg: str,
        typ: str = "JWT",
        encryption: str = "",
    ) -> None:
        """Remember a token of *kind* (``schema.KINDS``) that was issued to *client_id* for *scopes*."""
        shape = schema.shape_of(client_id, alg, claims, typ=typ, encryption=encryption, now=now)
        key = (client_id, kind, scopes, shape)
        with self._lock:
            counts = self._counts
            if key in counts:
                counts[key] += 1
            elif len(counts) < _MOST_SHAPES:
                counts[key] = 1
                self._begin()

    def _begin(self) -> None:
        """Start the thread, and stamp a batch that was empty; the lock is held."""
        if self._since is None:
            self._since = clock.utc_now()
        self._thread.begin()

    def flush(self) -> None:
        """Compare what was gathered with what is pinned, and pin what is new; what cannot be written is given up."""
        with self._writing:
            with self._lock:
                counts, since = self._counts, self._since
                self._counts, self._since = {}, None
            if since is not None:
                self._write(_by_key(counts), since)

    def _write(self, batch: Mapping[Key, Counter[Shape]], since: datetime) -> None:
        pinned = self._pinned({key.client_id for key in batch})
        frames = self._begun(batch, pinned)
        with Session(self._engine) as session, session.begin():
            # Sorted, so that two processes never wait for each other.
            for key, shapes in sorted(batch.items()):
                if key in frames:
                    _pin(session, key, frames[key], shapes, since)
                elif key in pinned and since > pinned[key]:
                    _add(session, key, shapes, since)

    def _begun(self, batch: Mapping[Key, Counter[Shape]], pinned: Collection[Key]) -> dict[Key, Frame]:
        """Return the contracts that begin with *batch*: not for what a client cannot ask for any more."""
        many = Counter(key.client_id for key in pinned)
        frames: dict[Key, Frame] = {}
        for key, shapes in sorted(batch.items()):
            if key in pinned or many[key.client_id] >= _MOST_CONTRACTS:
                continue
            frame = self._frame_of(key.client_id, key.kind, tuple(key.scope.split()))
            if frame is not None:
                frames[key] = schema.with_evidence(frame, shapes)
                many[key.client_id] += 1
        return frames

    def _pinned(self, client_ids: Collection[str]) -> dict[Key, datetime]:
        """Return from when on tokens are compared with each contract; read apart, as SQLite wants it."""
        query = select(
            TokenContract.client_id,
            TokenContract.kind,
            TokenContract.scope,
            TokenContract.pinned_at,
            TokenContract.accepted_by,
        ).where(TokenContract.client_id.in_(client_ids))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {
            Key(row.client_id, row.kind, row.scope): row.pinned_at + (_SETTLED if row.accepted_by else -_SETTLED)
            for row in rows
        }

    def stop(self) -> None:
        """End the thread, after it has written what is left."""
        self._thread.stop()


def _by_key(counts: Mapping[tuple[str, str, tuple[str, ...], Shape], int]) -> dict[Key, Counter[Shape]]:
    found: dict[Key, Counter[Shape]] = defaultdict(Counter)
    for (client_id, kind, scopes, shape), count in counts.items():
        found[Key(client_id, kind, " ".join(scope_words.ordered(scopes)))][shape] += count
    return found


def _is(key: Key) -> tuple[ColumnElement[bool], ...]:
    return (
        TokenContract.client_id == key.client_id,
        TokenContract.kind == key.kind,
        TokenContract.scope == key.scope,
    )


def _pin(session: Session, key: Key, frame: Frame, shapes: Counter[Shape], since: datetime) -> None:
    values = {
        **key._asdict(),
        "frame": frame.as_json(),
        "lifetime": frame.lifetime,
        "pinned_at": since,
        "accepted_by": "",
        "tokens": shapes.total(),
        "seen": _seen({}, shapes),
        "last_at": since,
        "faults": [],
        "deviated_at": None,
    }
    try:
        with session.begin_nested():
            session.execute(insert(TokenContract).values(**values))
    except IntegrityError:
        # Another process was faster, or the client is gone.
        return


def _add(session: Session, key: Key, shapes: Counter[Shape], since: datetime) -> None:
    """Count the tokens of *shapes*, and note what does not fit."""
    # Written before anything is read, so that the row is this transaction's own.
    session.execute(
        update(TokenContract).where(*_is(key)).values(tokens=TokenContract.tokens + shapes.total(), last_at=since)
    )
    row = session.execute(
        select(TokenContract.frame, TokenContract.seen, TokenContract.faults).where(*_is(key))
    ).first()
    if row is None:
        return
    frame, known = schema.from_json(row.frame), list(row.faults)
    found = [fault for shape in shapes for fault in schema.faults(frame, shape)]
    new = [fault for fault in dict.fromkeys(found) if fault not in known][: _MOST_FAULTS - len(known)]
    changes: dict[str, Any] = {"seen": _seen(row.seen, shapes)}
    if new:
        changes["faults"] = known + new
    if new and not known:
        changes["deviated_at"] = since
    session.execute(update(TokenContract).where(*_is(key)).values(**changes))
    if new:
        _tell(session, key, new)


def _seen(before: Mapping[str, int], shapes: Counter[Shape]) -> dict[str, int]:
    seen = Counter(before)
    for shape, count in shapes.items():
        seen.update(dict.fromkeys(shape.names, count))
    return dict(seen)


def _tell(session: Session, key: Key, faults: list[str]) -> None:
    name = session.execute(select(ClientRow.client_name).where(ClientRow.client_id == key.client_id)).scalar_one()
    event = ContractBroken(
        target_id=key.client_id, target_name=name, token=KINDS[key.kind], scope=key.scope, differences=tuple(faults)
    )
    record(session, event, now=clock.utc_now(), actor=SYSTEM)
    _log.warning("contract_broken", client_id=key.client_id, kind=key.kind, scope=key.scope, differences=faults)
