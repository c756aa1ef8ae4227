"""Trying the next key with one client before it signs for all: both keys are published, so either may sign.

It goes back by itself when that client's people have to start over: a sign-in that the client does not accept comes
back to be made again at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, literal, or_, select, update

from idp import cache
from idp.audit import events
from idp.audit.log import SYSTEM, Actor, record
from idp.clients.models import ClientRow
from idp.errors import Conflict, NotFound
from idp.keys import schedule, store
from idp.keys.models import Canary, SignedFor
from idp.keys.rotation import TooEarly

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.keys.models import SigningKey
    from idp.keys.ring import KeyRing
    from idp.settings import Settings

# So many new starts of one person, within this time, mean that the client refuses what it gets.
RESTARTS: Final = 3
WITHIN: Final = timedelta(minutes=1)


def begin(session: Session, settings: Settings, alg: str, client_id: str, *, now: datetime, by: Actor) -> str:
    """Sign for *client_id* with the next key of *alg* from now on, and return that key's name.

    Raises:
        NotFound: there is no such client.
        Conflict: there is no next key.
        TooEarly: somebody may still hold a key set without it.

    """
    name = session.execute(select(ClientRow.client_name).where(ClientRow.client_id == client_id)).scalar()
    if name is None:
        raise NotFound("There is no such app.")
    keys = store.of_algorithm(session, alg)
    following = next(iter(schedule.followers(keys)), None)
    if following is None:
        raise Conflict(f"There is no next key for {alg} to be tried.")
    ready_at = schedule.may_sign_at(following, keys, settings)
    if now < ready_at:
        raise TooEarly(following, ready_at)
    _start(session, client_id, following.kid, now)
    event = events.KeyTrialBegan(target_id=following.kid, target_name=following.name, alg=alg, app=name)
    record(session, event, now=now, actor=by)
    cache.bump(session)
    return following.name


def end(session: Session, client_id: str, *, now: datetime, by: Actor = SYSTEM, by_itself: bool = False) -> list[str]:
    """Sign for *client_id* with the active keys again; return the kids that were tried with it."""
    ended = session.execute(
        update(Canary)
        .where(Canary.client_id == client_id, Canary.returned_at.is_(None))
        .values(returned_at=now, by_itself=or_(Canary.by_itself, literal(by_itself)))
        .returning(Canary.kid)
    ).scalars()
    kids = list(ended)
    name = session.execute(select(ClientRow.client_name).where(ClientRow.client_id == client_id)).scalar() or client_id
    for kid in kids:
        key = store.find(session, kid)
        event = events.KeyTrialEnded(
            target_id=kid, target_name=_name(key, kid), alg=key.alg if key else "", app=name, by_itself=by_itself
        )
        record(session, event, now=now, actor=by)
    if kids:
        cache.bump(session)
    return kids


def is_tried(ring: KeyRing, client_id: str) -> bool:
    """Tell, without the database, whether a next key is being tried with *client_id*."""
    return any(name == client_id for name, _ in ring.current().canaries)


def since(session: Session, client_id: str) -> datetime | None:
    """Return from when on a next key has been tried with *client_id*; None when none is."""
    began = select(func.min(Canary.since_at)).where(Canary.client_id == client_id, Canary.returned_at.is_(None))
    return session.execute(began).scalar()


def _start(session: Session, client_id: str, kid: str, now: datetime) -> None:
    """Begin the trial anew; that an earlier one went back by itself stays known."""
    mine = (Canary.client_id == client_id, Canary.kid == kid)
    again = update(Canary).where(*mine).values(since_at=now, returned_at=None).returning(Canary.kid)
    if session.execute(again).first() is None:
        session.execute(
            insert(Canary).values(client_id=client_id, kid=kid, since_at=now, returned_at=None, by_itself=False)
        )
    # What was signed in an earlier trial shows nothing in this one.
    session.execute(delete(SignedFor).where(SignedFor.client_id == client_id, SignedFor.kid == kid))


def _name(key: SigningKey | None, kid: str) -> str:
    return key.name if key is not None else kid
