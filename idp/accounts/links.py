"""Single-use links: what lets whoever reads somebody's mail do one thing, once, for a while.

The token in a link is random 256 bits, kept as its fingerprint. Opening a link only looks (``find``): programs that
scan mail open every link. Doing what it is for uses it up (``consume``), for exactly one caller. The route of such a
link names its part ``token``, which keeps it out of the logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.accounts.models import Person, SingleUseLink

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

# Long enough for the page to say that the link was used, and not that there never was one.
_KEPT: Final = timedelta(days=1)
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for, whose it is, what it carries, and who had it made (empty: its person)."""

    purpose: str
    person_id: str | None
    data: dict[str, Any]
    made_by: str
    created_at: datetime
    expires_at: datetime


def make(  # noqa: PLR0913 - keyword only: what a link consists of
    session: Session,
    purpose: str,
    *,
    now: datetime,
    lifetime: timedelta,
    person_id: str | None = None,
    data: dict[str, Any] | None = None,
    made_by: str = "",
) -> str:
    """Return the token of a new link; an earlier one of the same purpose and person stops working.

    *data* is kept in clear: nothing in it may let somebody in.
    """
    if person_id is not None:
        # Of two at once the second waits here, and then sees the first one's link to delete.
        session.execute(select(Person.id).where(Person.id == person_id).with_for_update(key_share=True))
        drop(session, person_id, purpose)
    token = opaque.token()
    session.add(
        SingleUseLink(
            fingerprint=opaque.fingerprint(token),
            purpose=purpose,
            person_id=person_id,
            data=dict(data or {}),
            made_by=made_by,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    session.flush()
    return token


def find(session: Session, purpose: str, token: str, now: datetime) -> Link | None:
    """Return what the link with *token* is for, without using it up; ``None`` when it cannot be used."""
    return _link(session.execute(select(*_COLUMNS).where(*_usable(purpose, token, now))).first())


def find_ended(session: Session, purpose: str, token: str) -> Link | None:
    """Return what the link with *token* was for, although it can no longer be used, as long as that is known."""
    named = (SingleUseLink.fingerprint == opaque.fingerprint(token[:_LONGEST]), SingleUseLink.purpose == purpose)
    return _link(session.execute(select(*_COLUMNS).where(*named)).first())


def consume(session: Session, purpose: str, token: str, now: datetime) -> Link | None:
    """Use the link with *token* up; of several callers at once one gets it, and the others ``None``."""
    used = update(SingleUseLink).where(*_usable(purpose, token, now)).values(consumed_at=now).returning(*_COLUMNS)
    return _link(session.execute(used.execution_options(synchronize_session=False)).first())


def drop(session: Session, person_id: str, purpose: str | None = None) -> int:
    """End the unused links of *person_id*, of one *purpose* or of all; return how many there were."""
    which = [SingleUseLink.person_id == person_id, SingleUseLink.consumed_at.is_(None)]
    if purpose is not None:
        which.append(SingleUseLink.purpose == purpose)
    return _delete(session, *which)


def live(session: Session, person_id: str, purpose: str, now: datetime) -> Link | None:
    """Return the link of *person_id* for *purpose* that can still be used."""
    return _link(
        session.execute(
            select(*_COLUMNS).where(
                SingleUseLink.person_id == person_id,
                SingleUseLink.purpose == purpose,
                SingleUseLink.consumed_at.is_(None),
                SingleUseLink.expires_at > now,
            )
        ).first()
    )


def purge(session: Session, now: datetime) -> int:
    """Delete the links that ran out a day ago; return how many."""
    return _delete(session, SingleUseLink.expires_at < now - _KEPT)


_COLUMNS: Final = (
    SingleUseLink.purpose,
    SingleUseLink.person_id,
    SingleUseLink.data,
    SingleUseLink.made_by,
    SingleUseLink.created_at,
    SingleUseLink.expires_at,
)


def _usable(purpose: str, token: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    # What is longer than any token is none, and is not worth a fingerprint.
    return (
        SingleUseLink.fingerprint == opaque.fingerprint(token[:_LONGEST]),
        SingleUseLink.purpose == purpose,
        SingleUseLink.consumed_at.is_(None),
        SingleUseLink.expires_at > now,
    )


def _link(row: Any) -> Link | None:  # noqa: ANN401 - a row of _COLUMNS
    return None if row is None else Link(*row)


def _delete(session: Session, *which: ColumnElement[bool]) -> int:
    done = session.execute(delete(SingleUseLink).where(*which).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
