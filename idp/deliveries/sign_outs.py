"""Ending browser sessions so that every app they reached learns of it; the one way to end a session.

What has to be sent is queued in the transaction that ends the session: who was signed out is signed out everywhere, or
an administrator sees where not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, delete, exists, select

from idp import opaque
from idp.accounts.models import Person
from idp.clients import metadata as client_metadata
from idp.clients.models import ClientRow
from idp.deliveries import store
from idp.deliveries.models import Delivery, SignOut
from idp.sessions import store as sessions
from idp.tokens import revocation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

BACK: Final = "back"
FRONT: Final = "front"
NONE: Final = "none"
RECEIPT_KEPT: Final = timedelta(days=1)
_LONGEST_RECEIPT = 128


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a sign-out in the browser itself was asked with.

    ``client_id`` is the client that asked, ``continue_to`` an address of it, where the browser goes by itself if
    ``continues_itself``; ``fault`` is the code of what was wrong with asking.
    """

    client_id: str | None = None
    continue_to: str | None = None
    continues_itself: bool = False
    fault: str | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A sign-out in this browser: the secret part of its page's address, and how each client learns of it."""

    token: str
    reached: Mapping[str, str]

    @property
    def needs_browser(self) -> bool:
        """Tell whether there are clients that only this browser can tell."""
        return FRONT in self.reached.values()


def end_here(session: Session, session_id: str, person_id: str, leaving: Leaving, now: datetime) -> Receipt | None:
    """End the session of the browser that asks; ``None`` when it had ended before.

    Grants that were not meant to outlive the session end with it (Back-Channel Logout section 2.7).
    """
    _person_first(session, person_id)
    if not sessions.end(session, session_id, now):
        return None
    revocation.revoke_session(session, session_id, person_id, now=now)
    token = opaque.token()
    ways = _ways(session, [session_id], through_browser=True)[session_id]
    row = _keep(session, session_id, person_id, ways, now, leaving=leaving, fingerprint=opaque.fingerprint(token))
    _queue(session, row, now)
    return Receipt(token, ways)


def end(session: Session, session_id: str, person_id: str, now: datetime) -> bool:
    """End a session from elsewhere; return whether it was live."""
    _person_first(session, person_id)
    if not sessions.end(session, session_id, now):
        return False
    _tell(session, [session_id], person_id, now)
    return True


def end_all(session: Session, person_id: str, now: datetime, *, keep: str | None = None) -> int:
    """End every session of *person_id* but *keep*; return how many there were."""
    _person_first(session, person_id)
    ended = sessions.end_all(session, person_id, now, keep=keep)
    _tell(session, ended, person_id, now)
    return len(ended)


def tell_client(session: Session, person_id: str, client_id: str, now: datetime) -> int:
    """Tell one client that every session of *person_id* has ended there, though they go on here; return how many."""
    found = _metadata(session, [client_id]).get(client_id)
    if found is None or way_of(found, through_browser=False) != BACK:
        return 0
    live = [one.id for one in sessions.live(session, person_id, now)]
    reached = [one for one, several in sessions.clients_of(session, live).items() if client_id in several]
    for session_id in reached:
        facts = {"session_id": session_id}
        store.add(session, store.LOGOUT_TOKEN, now=now, facts=facts, client_id=client_id, person_id=person_id)
    session.flush()
    return len(reached)


def tell_everybody(session: Session, now: datetime) -> int:
    """Tell every client that every session has ended there, though all go on here; return how many there were."""
    told = to_be_told(session, now)
    for session_id, person_id, client_id in told:
        facts = {"session_id": session_id}
        store.add(session, store.LOGOUT_TOKEN, now=now, facts=facts, client_id=client_id, person_id=person_id)
    session.flush()
    return len(told)


def to_be_told(session: Session, now: datetime) -> list[tuple[str, str, str]]:
    """Return (session, person, client) of every live session and each client that can be told of its end from here."""
    reached = sessions.reached(session, now)
    found = _metadata(session, {client_id for _, _, client_id in reached})
    back = {client_id for client_id, one in found.items() if way_of(one, through_browser=False) == BACK}
    return [each for each in reached if each[2] in back]


def find(session: Session, receipt: str, now: datetime) -> SignOut | None:
    """Return the sign-out that a receipt stands for, for a day."""
    if not receipt or len(receipt) > _LONGEST_RECEIPT:
        return None
    query = select(SignOut).where(
        SignOut.fingerprint == opaque.fingerprint(receipt), SignOut.created_at > now - RECEIPT_KEPT
    )
    return session.execute(query).scalar_one_or_none()


def purge(session: Session, now: datetime) -> int:
    """Delete the sign-outs that have no receipt any more and nothing left to send; return how many."""
    waiting = exists().where(Delivery.sign_out_id == SignOut.id, Delivery.state == store.QUEUED)
    done = session.execute(
        delete(SignOut)
        .where(SignOut.created_at < now - RECEIPT_KEPT, ~waiting)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount


def way_of(metadata: client_metadata.ClientMetadata, *, through_browser: bool) -> str:
    """Return how a client learns that a session ended: from server to server where it can, else by the browser."""
    if metadata.backchannel_logout_uri is not None:
        return BACK
    if metadata.frontchannel_logout_uri is not None and through_browser:
        return FRONT
    return NONE


def _person_first(session: Session, person_id: str) -> None:
    """Lock in the order of all others, the person before the session: two that differ would wait for each other."""
    # The rows to be added refer to the person, which takes this very lock.
    session.execute(select(Person.id).where(Person.id == person_id).with_for_update(read=True, key_share=True))


def _tell(session: Session, session_ids: Sequence[str], person_id: str, now: datetime) -> None:
    for session_id, ways in _ways(session, session_ids, through_browser=False).items():
        if BACK in ways.values():
            _queue(session, _keep(session, session_id, person_id, ways, now), now)


def _ways(session: Session, session_ids: Sequence[str], *, through_browser: bool) -> dict[str, dict[str, str]]:
    """Return, for each session, how each client that it reached learns of its end."""
    reached = sessions.clients_of(session, session_ids)
    found = _metadata(session, {client_id for several in reached.values() for client_id in several})
    return {
        session_id: {
            client_id: way_of(found[client_id], through_browser=through_browser)
            for client_id in several
            if client_id in found
        }
        for session_id, several in reached.items()
    }


def _metadata(session: Session, client_ids: Iterable[str]) -> dict[str, client_metadata.ClientMetadata]:
    wanted = list(client_ids)
    if not wanted:
        return {}
    rows = session.execute(select(ClientRow.client_id, ClientRow.metadata_json).where(ClientRow.client_id.in_(wanted)))
    return {client_id: client_metadata.from_stored(stored) for client_id, stored in rows}


def _keep(  # noqa: PLR0913 - keyword where it matters: what a sign-out consists of
    session: Session,
    session_id: str,
    person_id: str,
    ways: Mapping[str, str],
    now: datetime,
    *,
    leaving: Leaving | None = None,
    fingerprint: str | None = None,
) -> SignOut:
    asked = leaving or Leaving()
    row = SignOut(
        id=opaque.new_id("out"),
        fingerprint=fingerprint,
        person_id=person_id,
        session_id=session_id,
        reached=dict(ways),
        client_id=asked.client_id,
        continue_to=asked.continue_to,
        continues_itself=asked.continues_itself,
        fault=asked.fault,
        request_id=asked.request_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _queue(session: Session, row: SignOut, now: datetime) -> None:
    for client_id, way in row.reached.items():
        if way == BACK:
            store.add(
                session,
                store.LOGOUT_TOKEN,
                now=now,
                facts={"session_id": row.session_id},
                client_id=client_id,
                person_id=row.person_id,
                sign_out_id=row.id,
            )
    session.flush()
