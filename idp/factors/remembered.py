"""Browsers in which a person is not asked for the second factor for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.factors.models import RememberedBrowser
from idp.sessions import devices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person


def add(
    session: Session, person: Person, browser: str, *, user_agent: str, lifetime: timedelta, now: datetime
) -> RememberedBrowser:
    """Leave *person* alone in *browser* (the fingerprint of its cookie) for so long; *user_agent* as the header says.

    The caller holds the person locked.
    """
    session.execute(delete(RememberedBrowser).where(*_one(person.id, browser)))
    row = RememberedBrowser(
        id=opaque.new_id("rem"),
        person_id=person.id,
        browser=browser,
        password_changed_at=person.password_changed_at,
        user_agent=devices.describe(user_agent),
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return row


def is_remembered(session: Session, person: Person, browser: str | None, now: datetime) -> bool:
    """Tell whether *person* chose not to be asked in *browser*, under the password that they still have."""
    if browser is None:
        return False
    query = select(RememberedBrowser.password_changed_at).where(
        *_one(person.id, browser), RememberedBrowser.expires_at > now
    )
    row = session.execute(query).first()
    return row is not None and row.password_changed_at == person.password_changed_at


def note_use(session: Session, person_id: str, browser: str, now: datetime) -> None:
    """Remember that a sign-in was let through for it."""
    using = update(RememberedBrowser).where(*_one(person_id, browser)).values(last_used_at=now)
    session.execute(using.execution_options(synchronize_session=False))


def of_person(session: Session, person: Person, now: datetime) -> Sequence[RememberedBrowser]:
    """Return the browsers in which *person* is not asked, the one used last first."""
    query = (
        select(RememberedBrowser)
        .where(RememberedBrowser.person_id == person.id, RememberedBrowser.expires_at > now)
        .order_by(RememberedBrowser.last_used_at.desc(), RememberedBrowser.id)
    )
    found = session.execute(query).scalars().all()
    return [one for one in found if one.password_changed_at == person.password_changed_at]


def forget(session: Session, person_id: str, remembered_id: str) -> bool:
    """Ask the person again in one browser; tell whether they were not asked there until now."""
    which = (RememberedBrowser.person_id == person_id, RememberedBrowser.id == remembered_id)
    return _deleted(session, *which) > 0


def forget_all(session: Session, person_id: str) -> int:
    """Ask the person again everywhere; return in how many browsers they were not asked."""
    return _deleted(session, RememberedBrowser.person_id == person_id)


def purge(session: Session, now: datetime) -> int:
    """Delete what has run out; return how many rows."""
    return _deleted(session, RememberedBrowser.expires_at <= now)


def _one(person_id: str, browser: str) -> tuple[Any, Any]:
    return (RememberedBrowser.person_id == person_id, RememberedBrowser.browser == browser)


def _deleted(session: Session, *which: Any) -> int:  # noqa: ANN401 - conditions of SQLAlchemy
    deleting = delete(RememberedBrowser).where(*which).execution_options(synchronize_session="evaluate")
    return cast("CursorResult[Any]", session.execute(deleting)).rowcount
