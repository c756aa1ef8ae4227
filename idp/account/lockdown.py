"""Locking an account down after something that was not its person: what ends, and what was done about the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from idp.accounts import store as accounts
from idp.audit import entries
from idp.audit.account_events import AccountSecured
from idp.audit.log import record
from idp.audit.models import AuditEvent
from idp.consents import store as consents
from idp.deliveries import sign_outs
from idp.factors import remembered
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession, KnownDevice
from idp.tokens import revocation
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.audit.log import Actor
    from idp.sessions.store import SessionView

# Without an entry that was not them, everything of so long is looked at.
LOOKED_BACK = timedelta(days=90)
_TYPE = AccountSecured.type


@dataclass(frozen=True, slots=True)
class Reach:
    """What can end: sessions elsewhere, apps with access, browsers that are known."""

    sessions: int
    apps: int
    devices: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What shall end beside the sessions elsewhere, and the entry that was not the person."""

    apps: bool
    devices: bool
    event: AuditEvent | None


@dataclass(frozen=True, slots=True)
class Lockdown:
    """A lock-down: its entry in the log, when it began, since when things are suspect, and what it ended."""

    entry_id: str
    at: datetime
    since: datetime
    sessions: int
    grants: int
    consents: int
    devices: int


def reach(session: Session, view: SessionView, now: datetime) -> Reach:
    """Count what ``begin`` would end."""
    others = [one for one in sessions.live(session, view.person_id, now) if one.id != view.id]
    known = select(func.count()).select_from(KnownDevice).where(KnownDevice.person_id == view.person_id)
    return Reach(len(others), len(_clients(session, view.person_id, now)), session.execute(known).scalar_one())


def begin(session: Session, view: SessionView, choices: Choices, *, browser: str, actor: Actor, now: datetime) -> None:
    """Sign every other device out and end what was chosen; the session goes on as one that secures the account."""
    # The person first, as at sign-in: two transactions that lock in different orders wait for each other.
    accounts.find(session, view.person_id, lock=True)
    grants = consented = devices = 0
    clients = _clients(session, view.person_id, now) if choices.apps else []
    ended = sign_outs.end_all(session, view.person_id, now, keep=view.id)
    if choices.apps:
        consented = sum(consents.remove(session, view.person_id, client_id) for client_id in clients)
        grants = revocation.revoke_person(session, view.person_id, now=now)
        for client_id in clients:
            sign_outs.tell_client(session, view.person_id, client_id, now)
    if choices.devices:
        devices = sessions.forget_devices(session, view.person_id)
        # In these, a second factor was not asked for.
        remembered.forget_all(session, view.person_id)
        sessions.remember_device(session, browser, view.person_id, now)
    event = choices.event
    entry_id = record(
        session,
        AccountSecured(
            target_id=view.person_id,
            target_name=view.username,
            sessions=ended,
            grants=grants,
            consents=consented,
            devices=devices,
            event_id=event.id if event else "",
            since=(event.at if event else now - LOOKED_BACK).isoformat(),
        ),
        now=now,
        actor=actor,
    )
    _mark(session, view.id, entry_id)


def finish(session: Session, view: SessionView) -> None:
    """Let the session be one like any other again."""
    _mark(session, view.id, None)


def find(session: Session, entry_id: str, person_id: str) -> Lockdown | None:
    """Return the lock-down of the log entry *entry_id* when it is the person's."""
    entry = entries.find(session, entry_id)
    if entry is None or entry.type != _TYPE or entry.target_id != person_id:
        return None
    detail = entry.detail
    counts = {name: int(detail.get(name, 0)) for name in ("sessions", "grants", "consents", "devices")}
    since = datetime.fromisoformat(detail["since"])
    return Lockdown(entry_id=entry.id, at=entry.at, since=since, **counts)


def done_since(session: Session, lockdown: Lockdown, person_id: str) -> list[AuditEvent]:
    """Return what the person changed in their account since the lock-down began, oldest first."""
    chosen = entries.Filter(own=person_id, about=frozenset({"accounts", "consent"}), start=lockdown.at)
    found = entries.page(session, chosen).entries
    return [one for one in reversed(found) if one.actor_id == person_id and one.type != _TYPE]


def _clients(session: Session, person_id: str, now: datetime) -> list[str]:
    held = select(Grant.client_id).where(
        Grant.person_id == person_id, Grant.revoked_at.is_(None), Grant.expires_at > now
    )
    allowed = {consent.client_id for consent in consents.of_person(session, person_id)}
    return sorted(allowed | set(session.execute(held.distinct()).scalars()))


def _mark(session: Session, session_id: str, entry_id: str | None) -> None:
    session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id)
        .values(securing=entry_id)
        .execution_options(synchronize_session=False)
    )
