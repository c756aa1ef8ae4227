"""The readiness ledger: who fetched which key set, gathered in the process and written in the background.

The key set is the most wanted of all documents, so a fetch costs one entry of a dictionary; whatever takes longer is
done by a thread of its own, every few seconds. A process that dies loses the last of them.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from idp import clock
from idp.clients.models import ClientRow
from idp.keys import store
from idp.keys.models import ClientNetwork, KeySet, KeySetFetch, SignedFor, SigningKey
from idp.periodic import Periodic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

    # Peer and X-Forwarded-For in, network out.
    Locate = Callable[[str, str], str]
    _Seen = type[KeySetFetch | ClientNetwork | SignedFor]

EVERY: Final = 10.0
# Of a network that fetches under ever new names, no more than this is told apart in one batch.
_MOST: Final = 1000
_LONGEST: Final = 200
_NOBODY: Final = ("", "", "")


class _Batch:
    """What one process gathered since ``since`` (NumericDate)."""

    __slots__ = ("calls", "fetches", "signed", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        # (client, etag, peer, forwarded, agent) -> how often
        self.fetches: dict[tuple[str, str, str, str, str], int] = {}
        self.calls: set[tuple[str, str, str]] = set()
        # (client, kid) -> when it first did; whether that was before or after a trial began has to be told.
        self.signed: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        return bool(self.fetches or self.calls or self.signed)


class _Fetch(NamedTuple):
    client_id: str
    network: str
    agent: str
    etag: str


class Ledger:
    """Remembers who fetched the key set, who called from where, and which key signed for whom."""

    def __init__(self, engine: Engine, locate: Locate, *, every: float = EVERY) -> None:
        self._engine = engine
        self._locate = locate
        self._batch = _Batch(0)
        self._sets: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread = Periodic("key-ledger", self.flush, every)

    def serves(self, etag: str, kids: Sequence[str]) -> None:
        """Remember which keys the key set of *etag* holds."""
        self._sets[etag] = tuple(kids)

    def fetched(self, client_id: str, etag: str, peer: str, forwarded: str, agent: str) -> None:
        """Count one download of the key set *etag*, an answer of 304 included; an empty *client_id* is nobody's own.

        An answer to HEAD is none: whoever got it has no keys by that.
        """
        key = (client_id, etag, peer, forwarded[:_LONGEST], agent[:_LONGEST])
        with self._lock:
            fetches = self._batch.fetches
            if key in fetches:
                fetches[key] += 1
                return
            if len(fetches) >= _MOST:
                key = (client_id, etag, *_NOBODY)
            fetches[key] = fetches.get(key, 0) + 1
            self._begin()

    def called(self, client_id: str, address: str, agent: str) -> None:
        """Remember that *client_id* proved itself from *address*."""
        entry = (client_id, address, agent[:_LONGEST])
        with self._lock:
            if entry not in self._batch.calls and len(self._batch.calls) < _MOST:
                self._batch.calls.add(entry)
                self._begin()

    def signed(self, client_id: str, kid: str) -> None:
        """Remember that the key *kid* signed for *client_id*."""
        entry = (client_id, kid)
        with self._lock:
            if entry not in self._batch.signed and len(self._batch.signed) < _MOST:
                self._batch.signed[entry] = clock.epoch_seconds(clock.utc_now())
                self._begin()

    def _begin(self) -> None:
        """Start the thread, and stamp a batch that was empty; the lock is held."""
        if not self._batch.since:
            self._batch.since = clock.epoch_seconds(clock.utc_now())
        self._thread.begin()

    def flush(self) -> None:
        """Write what was gathered; what cannot be written now is kept for the next time."""
        with self._writing:
            with self._lock:
                batch, self._batch = self._batch, _Batch(0)
            if not batch:
                return
            try:
                # Read apart: a transaction of SQLite that has read may not be let write afterwards.
                with self._engine.connect() as connection:
                    known = _known(connection, batch)
                    missing = _missing_sets(connection, batch)
                with self._engine.begin() as connection:
                    _write(connection, batch, self._locate, known)
                    self._write_sets(connection, missing)
            except BaseException:
                with self._lock:
                    self._batch = _merged(batch, self._batch)
                raise

    def _write_sets(self, connection: Connection, etags: Collection[str]) -> None:
        for etag in sorted(etags):
            kids = self._sets.get(etag)
            if kids is not None:
                values = {"etag": etag, "kids": list(kids), "served_at": clock.utc_now()}
                _insert(connection, KeySet, values)

    def stop(self) -> None:
        """End the thread, after it has written what is left."""
        self._thread.stop()


def purge(session: Session, now: datetime, *, keep: timedelta) -> None:
    """Forget what was last seen longer ago than *keep*, but who fetched a key that does not sign yet."""
    before = clock.epoch_seconds(now - keep)
    following = set(session.execute(select(SigningKey.kid).where(SigningKey.state == store.NEXT)).scalars())
    sets = session.execute(select(KeySet.etag, KeySet.kids)).all()
    needed = [etag for etag, kids in sets if not following.isdisjoint(kids)]
    for model in (ClientNetwork, SignedFor):
        session.execute(delete(model).where(model.last_at < before))
    session.execute(delete(KeySetFetch).where(KeySetFetch.last_at < before, KeySetFetch.etag.not_in(needed)))
    used = select(KeySetFetch.etag)
    session.execute(delete(KeySet).where(KeySet.etag.not_in(used)).execution_options(synchronize_session=False))


def fingerprint(agent: str) -> str:
    """Return what is kept of a User-Agent."""
    return hashlib.sha256(agent.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _merged(old: _Batch, new: _Batch) -> _Batch:
    for key, count in new.fetches.items():
        if key in old.fetches or len(old.fetches) < _MOST:
            old.fetches[key] = old.fetches.get(key, 0) + count
    old.calls |= new.calls
    old.signed = {**new.signed, **old.signed}
    return old


def _known(connection: Connection, batch: _Batch) -> set[str]:
    """Return those clients of *batch* that there are."""
    named = {key[0] for key in batch.fetches} | {one[0] for one in (*batch.calls, *batch.signed)}
    return set(connection.execute(select(ClientRow.client_id).where(ClientRow.client_id.in_(named))).scalars())


def _missing_sets(connection: Connection, batch: _Batch) -> set[str]:
    """Return those entity tags of *batch* of which it is not kept which keys they stand for."""
    etags = {key[1] for key in batch.fetches}
    return etags - set(connection.execute(select(KeySet.etag).where(KeySet.etag.in_(etags))).scalars())


def _write(connection: Connection, batch: _Batch, locate: Locate, known: Collection[str]) -> None:
    fetches: dict[_Fetch, int] = {}
    for (client_id, etag, peer, forwarded, agent), count in batch.fetches.items():
        if client_id and client_id not in known:
            continue
        fetch = _Fetch(client_id, locate(peer, forwarded), fingerprint(agent), etag)
        fetches[fetch] = fetches.get(fetch, 0) + count
    # Sorted, so that two processes never wait for each other.
    for fetch, count in sorted(fetches.items()):
        _count(connection, fetch, count, batch.since)
    calls = {(client_id, locate(address, ""), fingerprint(agent)) for client_id, address, agent in batch.calls}
    for client_id, network, agent in sorted(calls):
        if client_id in known:
            keys = {"client_id": client_id, "network": network, "agent": agent}
            _touch(connection, ClientNetwork, keys, batch.since, {})
    for (client_id, kid), at in sorted(batch.signed.items()):
        if client_id in known:
            _touch(connection, SignedFor, {"client_id": client_id, "kid": kid}, at, {"first_at": at})


def _count(connection: Connection, fetch: _Fetch, count: int, at: int) -> None:
    gap = at - KeySetFetch.last_at
    changes = {
        "fetches": KeySetFetch.fetches + count,
        "longest_gap": case((gap > KeySetFetch.longest_gap, gap), else_=KeySetFetch.longest_gap),
    }
    first = {"fetches": count, "longest_gap": 0, "first_at": at}
    _touch(connection, KeySetFetch, fetch._asdict(), at, first, changes)


def _touch(
    connection: Connection,
    model: _Seen,
    keys: Mapping[str, str],
    at: int,
    first: Mapping[str, int],
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Note that the row *keys* was seen, or insert it with what *first* says."""
    latest = case((model.last_at < at, at), else_=model.last_at)
    statement = update(model).filter_by(**keys).values(**(changes or {}), last_at=latest)
    if not connection.execute(statement).rowcount and not _insert(connection, model, {**keys, **first, "last_at": at}):
        # Another process was faster.
        connection.execute(statement)


def _insert(connection: Connection, model: _Seen | type[KeySet], values: Mapping[str, Any]) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(insert(model).values(**values))
    except IntegrityError:
        return False
    return True
