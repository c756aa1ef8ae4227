"""Browser sessions: start, load, rotate, end; the apps that a session reached; the browsers a person is known by."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp import opaque
from idp.accounts.models import Person
from idp.sessions import devices
from idp.sessions.models import BrowserSession, KnownDevice, SessionClient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Table
    from sqlalchemy.orm import Session
    from sqlalchemy.sql.dml import Insert

    from idp.settings import Settings
    from idp.vault import Secrets

TOUCHED_EVERY = timedelta(minutes=1)
# A device that was not used for this long has lost its cookie anyway.
DEVICE_KEPT = timedelta(days=400)
_ENDED_KEPT = timedelta(days=1)
_LONGEST_COOKIE = 128


@dataclass(frozen=True, slots=True)
class SessionView:
    """A live session and its person, as one select found them."""

    id: str
    person_id: str
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    last_seen_at: datetime
    expires_at: datetime
    username: str
    email: str
    email_verified: bool
    name: str
    is_admin: bool
    # What they chose for pages: their colours, and the time zone of their profile.
    theme: str
    zoneinfo: str | None
    locale: str | None
    # The audit entry of the lock-down that goes on in this session.
    securing: str | None

    @property
    def display_name(self) -> str:
        """What the person is called on pages."""
        return self.name or self.username


# Built once: this select runs at every request of a signed-in browser.
_LIVE = (
    select(
        BrowserSession.id,
        BrowserSession.person_id,
        BrowserSession.auth_time,
        BrowserSession.amr,
        BrowserSession.acr,
        BrowserSession.last_seen_at,
        BrowserSession.expires_at,
        Person.username,
        Person.email,
        Person.email_verified,
        Person.name,
        Person.is_admin,
        Person.theme,
        Person.claims["zoneinfo"].as_string().label("zoneinfo"),
        Person.claims["locale"].as_string().label("locale"),
        BrowserSession.securing,
    )
    .join(Person, Person.id == BrowserSession.person_id)
    .where(
        BrowserSession.fingerprint == bindparam("fingerprint"),
        BrowserSession.ended_at.is_(None),
        BrowserSession.expires_at > bindparam("present"),
        BrowserSession.last_seen_at > bindparam("idle_since"),
        Person.disabled_at.is_(None),
    )
)

_STILL_LIVE = (
    select(BrowserSession.id)
    .where(BrowserSession.id == bindparam("session_id"), BrowserSession.ended_at.is_(None))
    .with_for_update(read=True)
)


def start(  # noqa: PLR0913 - keyword only: what a session consists of
    session: Session,
    *,
    person_id: str,
    amr: Sequence[str],
    acr: str,
    user_agent: str,
    address: str,
    settings: Settings,
    now: datetime,
) -> tuple[BrowserSession, str]:
    """Start a session and return it with the cookie's value, which is kept nowhere; *user_agent* as the header says."""
    cookie = opaque.token()
    row = BrowserSession(
        id=opaque.new_id("ses"),
        fingerprint=opaque.fingerprint(cookie),
        person_id=person_id,
        auth_time=now,
        amr=list(amr),
        acr=acr,
        user_agent=devices.describe(user_agent),
        address=address[:64],
        created_at=now,
        last_seen_at=now,
        expires_at=now + settings.session.max,
    )
    session.add(row)
    session.flush()
    return row, cookie


def load(session: Session, cookie: str, *, idle: timedelta, now: datetime) -> SessionView | None:
    """Return the live session of *cookie*: not ended, not run out, used within *idle*, its person not disabled."""
    if not cookie or len(cookie) > _LONGEST_COOKIE:
        return None
    row = session.execute(
        _LIVE, {"fingerprint": opaque.fingerprint(cookie), "present": now, "idle_since": now - idle}
    ).first()
    if row is None:
        return None
    values = row._asdict()
    return SessionView(**values | {"amr": tuple(values["amr"])})


def is_stale(view: SessionView, now: datetime) -> bool:
    """Tell whether the session's last use was noted so long ago that it is time to ``touch`` it."""
    return now - view.last_seen_at >= TOUCHED_EVERY


def touch(session: Session, session_id: str, now: datetime) -> None:
    """Note that the session is in use, at most once a minute."""
    session.execute(
        update(BrowserSession)
        .where(
            BrowserSession.id == session_id,
            BrowserSession.ended_at.is_(None),
            BrowserSession.last_seen_at <= now - TOUCHED_EVERY,
        )
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


def rotate(session: Session, session_id: str, *, amr: Sequence[str], acr: str, now: datetime) -> str | None:
    """Note a fresh sign-in of the same person in a live session; return its new cookie value."""
    return _renew(session, session_id, {"auth_time": now, "amr": list(amr), "acr": acr, "last_seen_at": now})


def strengthen(session: Session, session_id: str, *, amr: Sequence[str], acr: str) -> str | None:
    """Note in a live session what the person proved beside its sign-in; return its new cookie value."""
    return _renew(session, session_id, {"amr": list(amr), "acr": acr})


def renew(
    session: Session, session_id: str, *, amr: Sequence[str], acr: str, settings: Settings, now: datetime
) -> str | None:
    """Do what ``rotate`` does for a whole sign-in: the session's longest life begins anew, too.

    It stays the same session to the apps that it reached, so none of them is told of an end.
    """
    values = {"auth_time": now, "amr": list(amr), "acr": acr, "last_seen_at": now}
    return _renew(session, session_id, {**values, "expires_at": now + settings.session.max})


def end(session: Session, session_id: str, now: datetime) -> bool:
    """End one session; return whether it was live. Apps learn of it only through ``deliveries.sign_outs``."""
    changed = session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id, BrowserSession.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session="evaluate")
    )
    return _count(changed) > 0


def end_all(session: Session, person_id: str, now: datetime, *, keep: str | None = None) -> list[str]:
    """End every session of *person_id* but *keep*; return their ids. Apps learn of it as with ``end``."""
    ending = update(BrowserSession).where(BrowserSession.person_id == person_id, BrowserSession.ended_at.is_(None))
    if keep is not None:
        ending = ending.where(BrowserSession.id != keep)
    ended = ending.values(ended_at=now).returning(BrowserSession.id)
    return sorted(session.execute(ended.execution_options(synchronize_session="evaluate")).scalars())


def live(session: Session, person_id: str, now: datetime, *, idle: timedelta | None = None) -> list[BrowserSession]:
    """Return the live sessions of *person_id*, the one used last first."""
    query = select(BrowserSession).where(
        BrowserSession.person_id == person_id, BrowserSession.ended_at.is_(None), BrowserSession.expires_at > now
    )
    if idle is not None:
        query = query.where(BrowserSession.last_seen_at > now - idle)
    return list(session.execute(query.order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id)).scalars())


def note_client(session: Session, session_id: str, client_id: str, now: datetime) -> bool:
    """Remember that the session reached *client_id*; false when it has ended, and nothing may be issued from it.

    Whoever ends it afterwards waits for this transaction, and then tells the client, too.
    """
    if session.execute(_STILL_LIVE, {"session_id": session_id}).first() is None:
        return False
    session.execute(
        _note_client(session.get_bind().dialect.name),
        {"session_id": session_id, "client_id": client_id, "first_at": now},
    )
    return True


def clients_of(session: Session, session_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the client_ids that each of *session_ids* reached, in the order of their first time."""
    found: dict[str, list[str]] = {session_id: [] for session_id in session_ids}
    if found:
        rows = session.execute(
            select(SessionClient.session_id, SessionClient.client_id)
            .where(SessionClient.session_id.in_(list(found)))
            .order_by(SessionClient.first_at, SessionClient.client_id)
        )
        for session_id, client_id in rows:
            found[session_id].append(client_id)
    return found


def reached(session: Session, now: datetime) -> list[tuple[str, str, str]]:
    """Return (session, person, client_id) of every app that a live session reached, by person."""
    rows = session.execute(
        select(SessionClient.session_id, BrowserSession.person_id, SessionClient.client_id)
        .join(BrowserSession, BrowserSession.id == SessionClient.session_id)
        .where(BrowserSession.ended_at.is_(None), BrowserSession.expires_at > now)
        .order_by(BrowserSession.person_id, SessionClient.session_id, SessionClient.client_id)
    )
    return [(row.session_id, row.person_id, row.client_id) for row in rows]


def sid(secrets: Secrets, session_id: str, client_id: str) -> str:
    """Return the ``sid`` under which *client_id* knows the session: stable, another one for each client."""
    mac = hmac.digest(secrets.derive("sid"), f"{session_id} {client_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac[:18]).decode()


def known_device(session: Session, browser: str | None, person_id: str, *, now: datetime | None = None) -> bool:
    """Tell whether *person_id* has signed in from *browser* (the fingerprint of its cookie) before."""
    if browser is None:
        return False
    query = select(KnownDevice.browser).where(KnownDevice.browser == browser, KnownDevice.person_id == person_id)
    if now is not None:
        query = query.where(KnownDevice.last_at > now - DEVICE_KEPT)
    return session.execute(query).first() is not None


def remember_device(session: Session, browser: str, person_id: str, now: datetime) -> None:
    """Remember that *person_id* signed in from *browser*."""
    adding: Any = _insert(session, KnownDevice.__table__)  # type: ignore[arg-type]  # a mapped class has a Table
    adding = adding.values(browser=browser, person_id=person_id, first_at=now, last_at=now)
    session.execute(adding.on_conflict_do_update(index_elements=["browser", "person_id"], set_={"last_at": now}))


def forget_devices(session: Session, person_id: str) -> int:
    """Forget every browser that *person_id* was known by."""
    return _count(session.execute(delete(KnownDevice).where(KnownDevice.person_id == person_id)))


def purge(session: Session, now: datetime, *, idle: timedelta) -> int:
    """Delete sessions that ended a day ago, and devices nobody came back with; return how many rows."""
    past = now - _ENDED_KEPT
    sessions = session.execute(
        delete(BrowserSession).where(
            or_(
                BrowserSession.ended_at < past,
                BrowserSession.expires_at < past,
                BrowserSession.last_seen_at < past - idle,
            )
        )
    )
    devices = session.execute(delete(KnownDevice).where(KnownDevice.last_at < now - DEVICE_KEPT))
    return _count(sessions) + _count(devices)


def _renew(session: Session, session_id: str, values: dict[str, Any]) -> str | None:
    cookie = opaque.token()
    changed = session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id, BrowserSession.ended_at.is_(None))
        .values(fingerprint=opaque.fingerprint(cookie), **values)
        .execution_options(synchronize_session=False)
    )
    return cookie if _count(changed) else None


@cache
def _note_client(dialect: str) -> Any:  # noqa: ANN401 - the two dialects' inserts share no base with ON CONFLICT
    adding = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return adding(cast("Table", SessionClient.__table__)).on_conflict_do_nothing()


def _insert(session: Session, table: Table) -> Any:  # noqa: ANN401 - the two dialects' inserts share no base with ON CONFLICT
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    adding: Insert = dialect.insert(table)
    return adding


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
