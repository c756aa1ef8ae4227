"""Who knows the next key: what may be concluded from the ledger, and whether it is safe to rotate.

An app is *confirmed* when it fetched a key set that holds the key at its own address, *inferred* when somebody at its
address did at the one that all share, or when no key set was ever without the key, *pinned* when a key was handed to it
by hand, and else *unknown*. Whoever is not ready breaks when the key begins to sign, unless it fetches the key set
before.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, or_, select

from idp import clock
from idp.clients import defaults
from idp.clients.metadata import from_stored
from idp.clients.models import ClientRow
from idp.errors import Conflict
from idp.keys import schedule, store
from idp.keys.ledger import EVERY
from idp.keys.models import Canary, ClientNetwork, GivenKey, KeySet, KeySetFetch, SignedFor, SigningKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy.orm import Session

    from idp.clients.defaults import Defaults
    from idp.clients.metadata import ClientMetadata
    from idp.settings import Settings

CONFIRMED: Final = "confirmed"
INFERRED: Final = "inferred"
PINNED: Final = "pinned"
UNKNOWN: Final = "unknown"

# Who got nothing signed for this long has nothing to lose.
ACTIVE: Final = timedelta(days=30)
# Whoever fetches within this time after it was first signed for with a key asks for keys that it does not know.
_AT_ONCE: Final = 20
# What the ledger writes where no address is known, or too many were seen at once.
_NOWHERE: Final = "unknown"
# A trial that is this old, and was not ended, has shown that the app knows the key.
TRIED: Final = timedelta(minutes=5)
_STARTED_OVER: Final = "Its people started over again and again when it was tried."


@dataclass(frozen=True, slots=True)
class Reader:
    """One client that verifies what is signed with an algorithm, for it or for a caller, and what is known of it."""

    client_id: str
    name: str
    # confirmed, inferred, pinned or unknown.
    kind: str
    ready: bool
    # One sentence: the evidence.
    why: str
    # It was seen to fetch the key set, if only an older one.
    seen: bool = False
    # The longest time between two of its fetches; None: fewer than two were seen.
    every: timedelta | None = None
    # It is signed for with the next key already.
    trial: bool = False
    # It verifies access tokens of other clients; nothing is signed for it, so nothing can be tried with it.
    is_api: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is known about the next key of an algorithm; ``next`` is None when there is none."""

    alg: str
    next: SigningKey | None
    readers: tuple[Reader, ...] = ()
    # From when on even the slowest of those that fetch has fetched again, all its copies included.
    settled_at: datetime | None = None

    @property
    def breaking(self) -> tuple[Reader, ...]:
        """Those that would break if the next key signed now."""
        return tuple(reader for reader in self.readers if not reader.ready)

    def holding(self, settings: Settings, now: datetime) -> tuple[Reader, ...]:
        """Return those for whom the schedule waits.

        An app of which nothing at all is known is not waited for longer than a key is published ahead: no cache lives
        that long, so it does not verify, or was given the key by somebody else.
        """
        if self.next is None:
            return ()
        is_old = now >= self.next.published_at + settings.keys.publish_ahead
        return tuple(one for one in self.breaking if one.seen or one.kind == PINNED or one.trial or not is_old)


class WouldBreak(Conflict):
    """Somebody does not know the next key; ``readers`` are who."""

    def __init__(self, found: Readiness) -> None:
        names = ", ".join(reader.name for reader in found.breaking)
        super().__init__(
            f"These apps are not known to have the next {found.alg} key: {names}. They would refuse what it signs "
            "until they fetch the key set again. Try it with one of them first, hand it over, or force the rotation."
        )
        self.readers = found.breaking


@dataclass(slots=True)
class _Seen:
    """What the fetches of one client say."""

    client_id: str = ""
    rows: list[KeySetFetch] = field(default_factory=list)

    def first_with(self, etags: set[str]) -> int | None:
        return min((row.first_at for row in self.rows if row.etag in etags), default=None)

    def last(self) -> int:
        return max(row.last_at for row in self.rows)

    def every(self) -> timedelta | None:
        gaps = [row.longest_gap for row in self.rows]
        by_place: dict[tuple[str, str], list[KeySetFetch]] = defaultdict(list)
        for row in self.rows:
            by_place[row.network, row.agent].append(row)
        for rows in by_place.values():
            rows.sort(key=lambda row: row.first_at)
            gaps += [later.first_at - earlier.last_at for earlier, later in itertools.pairwise(rows)]
        longest = max(gaps, default=0)
        return timedelta(seconds=longest) if longest > 0 else None


@dataclass(frozen=True, slots=True)
class _Client:
    """What is read of a client."""

    client_id: str
    name: str
    metadata: ClientMetadata
    defaults: Defaults

    @property
    def access_token_alg(self) -> str:
        """What its access tokens for others than us are signed with."""
        return self.metadata.access_token_signed_response_alg or self.defaults.alg_for_resources


@dataclass(slots=True)
class _Facts:
    """Everything that is read of the database, by client."""

    names: dict[str, str]
    signed: dict[tuple[str, str], SignedFor]
    published: dict[str, int]
    given: dict[str, set[str]]
    trials: dict[tuple[str, str], Canary]
    # Those whose people would start over if they refused a key: others show nothing in a trial.
    shown_by_people: set[str]
    apis: set[str]
    own: dict[str, _Seen]
    shared: dict[str, _Seen]
    etags: dict[str, set[str]]
    # The keys that no key set was ever without.
    first: set[str]


def assess(session: Session, settings: Settings, alg: str, now: datetime) -> Readiness:
    """Return who is known to know the next key of *alg*, among the clients that it would sign for."""
    keys = store.of_algorithm(session, alg)
    following = next(iter(schedule.followers(keys)), None)
    if following is None:
        return Readiness(alg, None)
    facts = _read(session, keys, now)
    readers = [_judge(client_id, following.kid, facts, settings, now) for client_id in facts.names]
    readers.sort(key=lambda reader: (reader.ready, reader.name.casefold(), reader.client_id))
    slowest = max((reader.every for reader in readers if reader.every), default=timedelta(0))
    settled_at = following.published_at + min(slowest, settings.keys.publish_ahead)
    return Readiness(alg, following, tuple(readers), settled_at)


def require(session: Session, settings: Settings, alg: str, now: datetime) -> None:
    """Make sure that nobody breaks when the next key of *alg* begins to sign.

    Raises:
        WouldBreak: with everybody who is not known to have it.

    """
    found = assess(session, settings, alg, now)
    session.rollback()
    if found.breaking:
        raise WouldBreak(found)


def give(session: Session, client_id: str, kid: str, now: datetime) -> None:
    """Note that the public key *kid* was handed to *client_id* by hand."""
    session.execute(delete(GivenKey).where(GivenKey.client_id == client_id, GivenKey.kid == kid))
    session.execute(insert(GivenKey).values(client_id=client_id, kid=kid, given_at=now))


def take_back(session: Session, client_id: str) -> bool:
    """Forget that keys were handed to *client_id*: it fetches them; tell whether there was anything to forget."""
    gone = session.execute(delete(GivenKey).where(GivenKey.client_id == client_id).returning(GivenKey.kid))
    return gone.first() is not None


def _read(session: Session, keys: list[SigningKey], now: datetime) -> _Facts:
    since = clock.epoch_seconds(now - ACTIVE)
    kids = {key.kid for key in keys}
    signed = session.execute(select(SignedFor).where(SignedFor.kid.in_(kids))).scalars().all()
    active = {row.client_id for row in signed if row.last_at >= since}
    clients = _clients(session, active)
    apis = _apis(clients, active, keys[0].alg)
    given: dict[str, set[str]] = defaultdict(set)
    for client in clients.values():
        jwt_sso = client.metadata.jwt_sso
        if jwt_sso is not None and jwt_sso.is_pinned:
            # Its app takes keys by hand alone, so it has none until somebody says that it was given one.
            given[client.client_id] = set()
    for one in session.execute(select(GivenKey)).scalars():
        given[one.client_id].add(one.kid)
    etags: dict[str, set[str]] = defaultdict(set)
    for held in session.execute(select(KeySet)).scalars():
        for kid in held.kids:
            etags[kid].add(held.etag)
    trials = session.execute(select(Canary).where(Canary.kid.in_(kids))).scalars()
    own, shared = _fetches(session, clients)
    # An API that was never seen to have keys asks us about tokens instead.
    readers = (active & clients.keys()) | (apis & (own.keys() | shared.keys() | given.keys()))
    return _Facts(
        names={client_id: clients[client_id].name for client_id in readers},
        signed={(row.client_id, row.kid): row for row in signed},
        published={key.kid: clock.epoch_seconds(key.published_at) for key in keys},
        given=given,
        trials={(trial.client_id, trial.kid): trial for trial in trials},
        shown_by_people={client.client_id for client in clients.values() if client.metadata.serves_people},
        apis=apis,
        own=own,
        shared=shared,
        etags=etags,
        first={key.kid for key in keys if key.published_at <= keys[0].published_at},
    )


def _clients(session: Session, active: Collection[str]) -> dict[str, _Client]:
    """Return the clients *active*, and every API; none that is switched off."""
    is_api = ClientRow.metadata_json["resource_server"].as_boolean()
    rows = session.execute(
        select(ClientRow.client_id, ClientRow.client_name, ClientRow.metadata_json, ClientRow.defaults_version).where(
            ClientRow.disabled_at.is_(None), or_(ClientRow.client_id.in_(active), is_api)
        )
    )
    return {
        client_id: _Client(client_id, name, from_stored(stored), defaults.of(version))
        for client_id, name, stored, version in rows
    }


def _apis(clients: Mapping[str, _Client], active: Collection[str], alg: str) -> set[str]:
    """Return those that access tokens by *alg* of the clients *active* are for, and that are not among these."""
    audiences = {
        resource
        for client in clients.values()
        if client.client_id in active and client.access_token_alg == alg
        for resource in client.metadata.resources
    }
    return {
        client.client_id
        for client in clients.values()
        if client.client_id not in active and not audiences.isdisjoint(client.metadata.resources)
    }


def _fetches(session: Session, names: Iterable[str]) -> tuple[dict[str, _Seen], dict[str, _Seen]]:
    """Return the fetches at each client's own address, and those at the shared one that can only be its own."""
    own: dict[str, _Seen] = defaultdict(_Seen)
    at: dict[str, list[KeySetFetch]] = defaultdict(list)
    for row in session.execute(select(KeySetFetch)).scalars():
        if row.client_id:
            own[row.client_id].rows.append(row)
        elif row.network != _NOWHERE:
            at[row.network].append(row)
    users: dict[str, set[str]] = defaultdict(set)
    agents: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place in session.execute(select(ClientNetwork)).scalars():
        users[place.network].add(place.client_id)
        agents[place.network, place.agent].add(place.client_id)
    shared: dict[str, _Seen] = defaultdict(_Seen)
    for network, rows in at.items():
        for row in rows:
            # Where several clients call from one address, the program has to be the same, and only one's, too.
            who = users[network] if len(users[network]) == 1 else agents[network, row.agent]
            if len(who) == 1:
                shared[next(iter(who))].rows.append(row)
    return {name: own[name] for name in names if name in own}, {name: shared[name] for name in names if name in shared}


def _judge(client_id: str, kid: str, facts: _Facts, settings: Settings, now: datetime) -> Reader:
    given, trial = facts.given.get(client_id), facts.trials.get((client_id, kid))
    seen = facts.own.get(client_id) or facts.shared.get(client_id)
    if given is not None:
        kind, ready = PINNED, kid in given
        why = "It was given this key." if ready else "It takes keys by hand, and was not given this one."
    else:
        kind, ready, why = _by_fetches(client_id, kid, facts, settings)
    if trial is not None and trial.returned_at is None and (trial.by_itself or not ready):
        ready, why = _by_trial(trial, facts, now, why)
    elif trial is not None and trial.by_itself:
        ready, why = False, _STARTED_OVER
    return Reader(
        client_id=client_id,
        name=facts.names[client_id],
        kind=kind,
        ready=ready,
        why=why,
        seen=seen is not None,
        every=seen.every() if seen else None,
        trial=trial is not None and trial.returned_at is None,
        is_api=client_id in facts.apis,
    )


def _by_fetches(client_id: str, kid: str, facts: _Facts, settings: Settings) -> tuple[str, bool, str]:
    own, shared = facts.own.get(client_id), facts.shared.get(client_id)
    for kind, seen in ((CONFIRMED, own), (INFERRED, shared)):
        since = seen.first_with(facts.etags[kid]) if seen else None
        if since is not None:
            place = "at its own address" if kind == CONFIRMED else "from where it calls"
            return kind, True, f"It fetched the key set {place} after this key was in it."
    if any(_asks_again(client_id, seen, facts, settings) for seen in (own, shared) if seen):
        return UNKNOWN, True, "It fetches the key set as soon as it meets a key that it does not know."
    if kid in facts.first:
        return INFERRED, True, "This key has been in every key set since the first."
    latest = max((seen.last() for seen in (own, shared) if seen), default=None)
    if latest is None:
        return UNKNOWN, False, "It was never seen to fetch the key set."
    when = datetime.fromtimestamp(latest, UTC)
    return UNKNOWN, False, f"It was last seen to fetch the key set on {when:%d %B %Y, %H:%M} UTC, without this key."


def _asks_again(client_id: str, seen: _Seen, facts: _Facts, settings: Settings) -> bool:
    """Tell whether it once held a set without a key, was signed for with that key, and fetched the set at once."""
    wait = int(settings.keys.jwks_max_age.total_seconds())
    for kid, published in facts.published.items():
        signed, fetched = facts.signed.get((client_id, kid)), seen.first_with(facts.etags[kid])
        if signed is None or fetched is None or signed.first_at - published < wait:
            continue
        held_another = any(row.first_at < signed.first_at and row.etag not in facts.etags[kid] for row in seen.rows)
        if held_another and -EVERY <= fetched - signed.first_at <= _AT_ONCE:
            return True
    return False


def _by_trial(trial: Canary, facts: _Facts, now: datetime, why: str) -> tuple[bool, str]:
    signed = facts.signed.get((trial.client_id, trial.kid))
    began, tried = clock.epoch_seconds(trial.since_at), 0
    if trial.by_itself:
        why = f"{_STARTED_OVER[:-1]} before."
    if trial.client_id not in facts.shown_by_people:
        why = f"Nobody signs in to it who would have to start over, so a trial shows nothing. {why}"
    elif signed is not None and signed.last_at >= began:
        tried = clock.epoch_seconds(now) - max(began, signed.first_at)
    if tried >= TRIED.total_seconds():
        return True, "It has been signed for with this key, and nobody had to start over."
    return False, f"It is being tried since {trial.since_at:%H:%M} UTC. {why}"
