"""Half-finished sign-ins: begun after a first proof, used up by one statement when nothing is asked for any more.

What a half-finished sign-in is worth nowhere: no page but those that ask for the rest looks at one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.accounts.models import Person
from idp.sessions.models import PendingSignIn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

LIFETIME = timedelta(minutes=10)
_LONGEST_COOKIE = 128


@dataclass(frozen=True, slots=True)
class Proven:
    """What was proven so far: by which methods, in the words of ``amr`` and ``acr``."""

    method: str
    amr: tuple[str, ...]
    acr: str


def begin(  # noqa: PLR0913 - keyword only: what a half-finished sign-in consists of
    session: Session,
    person: Person,
    proven: Proven,
    *,
    outstanding: Sequence[str],
    browser: str,
    interaction_id: str,
    session_id: str = "",
    is_fresh: bool = True,
    known_device: bool,
    now: datetime,
) -> tuple[PendingSignIn, str]:
    """Keep that *person* proved something and has more to prove; return the row, and its cookie's value.

    What was half finished before for the same request in this browser is over.
    """
    session.execute(
        delete(PendingSignIn)
        .where(PendingSignIn.browser == browser, PendingSignIn.interaction_id == interaction_id)
        .execution_options(synchronize_session=False)
    )
    cookie = opaque.token()
    row = PendingSignIn(
        id=opaque.new_id("psi"),
        fingerprint=opaque.fingerprint(cookie),
        browser=browser,
        person_id=person.id,
        password_changed_at=person.password_changed_at,
        interaction_id=interaction_id,
        session_id=session_id,
        method=proven.method,
        amr=list(proven.amr),
        acr=proven.acr,
        outstanding=list(outstanding),
        stage=0,
        known_device=known_device,
        is_fresh=is_fresh,
        failures=0,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(row)
    session.flush()
    return row, cookie


def find(
    session: Session, cookie: str, *, browser: str | None, interaction_id: str, now: datetime
) -> PendingSignIn | None:
    """Return the live half-finished sign-in of *cookie*, if it was begun in *browser* for this very request."""
    if not cookie or len(cookie) > _LONGEST_COOKIE or browser is None:
        return None
    row = session.execute(_live(cookie, now), execution_options={"populate_existing": True}).scalar_one_or_none()
    if row is None or not opaque.same(row.browser, browser) or not opaque.same(row.interaction_id, interaction_id):
        return None
    return row


def is_live(session: Session, cookie: str, now: datetime) -> bool:
    """Tell whether a half-finished sign-in of *cookie* goes on, for whatever request and browser."""
    if len(cookie) > _LONGEST_COOKIE:
        return False
    row = session.execute(_live(cookie, now)).scalar_one_or_none()
    return row is not None and is_theirs(row, session.get(Person, row.person_id))


def is_theirs(row: PendingSignIn, person: Person | None) -> bool:
    """Tell whether *person*, as they are now, may go on with it: not disabled, nor under another password since."""
    return (
        person is not None
        and person.id == row.person_id
        and person.disabled_at is None
        and person.password_changed_at == row.password_changed_at
    )


def advance(session: Session, row: PendingSignIn, proven: Proven, *, outstanding: Sequence[str], now: datetime) -> bool:
    """Note what was proven and what is left to ask for; with nothing left it is used up.

    Of any number of tries at once, one gets ``True``.
    """
    done: Any = session.execute(
        update(PendingSignIn)
        .where(
            PendingSignIn.id == row.id,
            PendingSignIn.stage == row.stage,
            PendingSignIn.consumed_at.is_(None),
            PendingSignIn.expires_at > now,
        )
        .values(
            method=proven.method,
            amr=list(proven.amr),
            acr=proven.acr,
            outstanding=list(outstanding),
            stage=PendingSignIn.stage + 1,
            consumed_at=None if outstanding else now,
        )
        .execution_options(synchronize_session=False)
    )
    return _count(done) == 1


def renew_password(session: Session, row: PendingSignIn, person: Person) -> None:
    """Let the sign-in go on under the password that the person has just set within it."""
    session.execute(
        update(PendingSignIn)
        .where(PendingSignIn.id == row.id, PendingSignIn.consumed_at.is_(None))
        .values(password_changed_at=person.password_changed_at)
        .execution_options(synchronize_session="evaluate")
    )


def note_failure(session: Session, pending_id: str) -> None:
    """Count a wrong answer."""
    session.execute(
        update(PendingSignIn)
        .where(PendingSignIn.id == pending_id)
        .values(failures=PendingSignIn.failures + 1)
        .execution_options(synchronize_session=False)
    )


def drop(session: Session, pending_id: str) -> None:
    """Forget one."""
    session.execute(
        delete(PendingSignIn).where(PendingSignIn.id == pending_id).execution_options(synchronize_session=False)
    )


def drop_of(session: Session, person_id: str, *, keep: str | None = None) -> int:
    """Forget those of *person_id* but *keep*: how they sign in has changed."""
    dropping = delete(PendingSignIn).where(PendingSignIn.person_id == person_id)
    if keep is not None:
        dropping = dropping.where(PendingSignIn.id != keep)
    return _count(session.execute(dropping.execution_options(synchronize_session=False)))


def purge(session: Session, now: datetime) -> int:
    """Delete those that have run out; return how many."""
    return _count(session.execute(delete(PendingSignIn).where(PendingSignIn.expires_at <= now)))


def _live(cookie: str, now: datetime) -> Select[PendingSignIn]:
    return select(PendingSignIn).where(
        PendingSignIn.fingerprint == opaque.fingerprint(cookie),
        PendingSignIn.consumed_at.is_(None),
        PendingSignIn.expires_at > now,
    )


def _count(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount
