"""Browsers in which a person is not asked for the second factor for a while."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.factors.models import RememberedBrowser
from idp.sessions import devices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

# Two tabs come with the same value at once.
_TOGETHER: Final = timedelta(seconds=60)
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Use:
    """What a sign-in in some browser comes to: whether nobody asks, and what the browser is to hold from now on."""

    may_pass: bool = False
    value: str = ""
    is_copied: bool = False


def add(  # noqa: PLR0913 - keyword only: what is kept of a browser
    session: Session,
    person: Person,
    browser: str,
    *,
    held: str,
    user_agent: str,
    lifetime: timedelta,
    now: datetime,
) -> str:
    """Leave *person* alone in *browser* (the fingerprint of its cookie) for so long; return what it is to come with.

    *held* is what it holds for others who are left alone in it, or nothing; *user_agent* is as the header says. The
    caller holds the person locked.
    """
    session.execute(delete(RememberedBrowser).where(*_one(person.id, browser)))
    value = _exchange(session, browser, held)
    row = RememberedBrowser(
        id=opaque.new_id("rem"),
        person_id=person.id,
        browser=browser,
        validator=opaque.fingerprint(value),
        password_changed_at=person.password_changed_at,
        user_agent=devices.describe(user_agent),
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return value


def is_remembered(session: Session, person: Person, browser: str | None, held: str, now: datetime) -> bool:
    """Tell whether *person* chose not to be asked in *browser*, which holds *held*, under their present password."""
    row = _find(session, person, browser, now)
    return row is not None and _fits(row, held, now)


def use(session: Session, person: Person, browser: str | None, held: str, now: datetime) -> Use:
    """Sign *person* in without asking, if that is what they chose; the caller holds them locked.

    What *browser* holds is exchanged each time. Whoever comes with what was exchanged before has a copy, or somebody
    else has: nobody is left alone with it from then on.
    """
    row = _find(session, person, browser, now)
    if row is None or browser is None or not held:
        return Use()
    if _is(row.validator, held):
        row.last_used_at = now
        session.flush()
        return Use(may_pass=True, value=_exchange(session, browser, held))
    if _fits(row, held, now):
        return Use(may_pass=True)
    forget(session, person.id, row.id)
    return Use(is_copied=True)


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


def _find(session: Session, person: Person, browser: str | None, now: datetime) -> RememberedBrowser | None:
    if browser is None:
        return None
    query = select(RememberedBrowser).where(*_one(person.id, browser), RememberedBrowser.expires_at > now)
    row = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    return row if row is not None and row.password_changed_at == person.password_changed_at else None


def _fits(row: RememberedBrowser, held: str, now: datetime) -> bool:
    is_previous = row.previous is not None and _is(row.previous, held) and now - row.last_used_at < _TOGETHER
    return _is(row.validator, held) or is_previous


def _is(fingerprint: str, held: str) -> bool:
    return 0 < len(held) <= _LONGEST and hmac.compare_digest(fingerprint, opaque.fingerprint(held))


def _exchange(session: Session, browser: str, held: str) -> str:
    """Return the next value of *browser*, for everybody who is left alone with *held* in it."""
    value = opaque.token()
    if held and len(held) <= _LONGEST:
        former = opaque.fingerprint(held)
        changing = update(RememberedBrowser).where(
            RememberedBrowser.browser == browser, RememberedBrowser.validator == former
        )
        changing = changing.values(validator=opaque.fingerprint(value), previous=former)
        session.execute(changing.execution_options(synchronize_session="fetch"))
    return value


def _one(person_id: str, browser: str) -> tuple[Any, Any]:
    return (RememberedBrowser.person_id == person_id, RememberedBrowser.browser == browser)


def _deleted(session: Session, *which: Any) -> int:  # noqa: ANN401 - conditions of SQLAlchemy
    deleting = delete(RememberedBrowser).where(*which).execution_options(synchronize_session="evaluate")
    return cast("CursorResult[Any]", session.execute(deleting)).rowcount
