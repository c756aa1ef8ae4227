"""The people who signed in from one browser before, as an account chooser shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, delete, select

from idp.accounts.models import Person
from idp.sessions.models import KnownDevice
from idp.sessions.store import DEVICE_KEPT

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who signed in from this browser, and when they did so last."""

    person_id: str
    username: str
    name: str
    last_at: datetime

    @property
    def display_name(self) -> str:
        """What the person is called on pages."""
        return self.name or self.username


def known_people(session: Session, browser: str | None, now: datetime) -> list[KnownPerson]:
    """Return who signed in from *browser* (the fingerprint of its cookie), the last one first; nobody disabled."""
    if browser is None:
        return []
    rows = session.execute(
        select(Person.id, Person.username, Person.name, KnownDevice.last_at)
        .join(KnownDevice, KnownDevice.person_id == Person.id)
        .where(KnownDevice.browser == browser, KnownDevice.last_at > now - DEVICE_KEPT, Person.disabled_at.is_(None))
        .order_by(KnownDevice.last_at.desc(), Person.id)
        .limit(MOST_SHOWN)
    )
    return [KnownPerson(*row) for row in rows]


def forget_person(session: Session, browser: str, person_id: str) -> bool:
    """Forget that *person_id* signed in from *browser*; tell whether anything was known."""
    forgetting = delete(KnownDevice).where(KnownDevice.browser == browser, KnownDevice.person_id == person_id)
    return cast("CursorResult[Any]", session.execute(forgetting)).rowcount > 0
