"""The links that let somebody choose a new password without the old one: mailed on request, or handed over.

Each works once. A newer one of its kind ends it, and so does every change of the password.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from idp.accounts import links
from idp.audit import recovery_events
from idp.audit.log import record

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.links import Link
    from idp.accounts.models import Person
    from idp.audit.log import Actor

# Two purposes: whoever asks for mail in somebody's name does not end the link that an administrator handed over.
BY_MAIL: Final = "recovery"
BY_HAND: Final = "recovery_by_hand"
_PURPOSES: Final = (BY_HAND, BY_MAIL)
MAILED_LIFETIME: Final = timedelta(minutes=15)
HANDED_LIFETIME: Final = timedelta(hours=24)
_REMOVES_FACTORS: Final = "removes_factors"
_INTERACTION: Final = "interaction"


def make_for_mail(session: Session, person_id: str | None, *, interaction: str, now: datetime) -> str:
    """Return the token of a link to be mailed; *interaction* is what its person was on the way to."""
    data = {_INTERACTION: interaction} if interaction else {}
    return links.make(session, BY_MAIL, person_id=person_id, data=data, lifetime=MAILED_LIFETIME, now=now)


def make_by_hand(session: Session, person: Person, *, removes_factors: bool, actor: Actor, now: datetime) -> str:
    """Return the token of a link that *actor* hands to *person*; with *removes_factors* it takes those away as well."""
    data = {_REMOVES_FACTORS: True} if removes_factors else {}
    token = links.make(
        session, BY_HAND, person_id=person.id, data=data, made_by=actor.id, lifetime=HANDED_LIFETIME, now=now
    )
    event = recovery_events.RecoveryLinkMade(
        target_id=person.id, target_name=person.username, removes_second_factors=removes_factors or None
    )
    record(session, event, now=now, actor=actor)
    return token


def find(session: Session, token: str, now: datetime) -> Link | None:
    """Return what the link with *token* is for, without using it up; ``None`` when it does not work (any more)."""
    return next((link for purpose in _PURPOSES if (link := links.find(session, purpose, token, now))), None)


def find_ended(session: Session, token: str) -> Link | None:
    """Return what the link with *token* was for, although it does not work any more."""
    return next((link for purpose in _PURPOSES if (link := links.find_ended(session, purpose, token))), None)


def consume(session: Session, token: str, now: datetime) -> Link | None:
    """Use the link with *token* up; of several callers at once one gets it, and the others ``None``."""
    return next((link for purpose in _PURPOSES if (link := links.consume(session, purpose, token, now))), None)


def drop(session: Session, person_id: str) -> int:
    """End every link of *person_id* that was not used; return how many there were."""
    return sum(links.drop(session, person_id, purpose) for purpose in _PURPOSES)


def removes_factors(link: Link) -> bool:
    """Tell whether *link* was made to take the second factors away as well."""
    return link.data.get(_REMOVES_FACTORS) is True


def interaction_of(link: Link) -> str:
    """Return what the person was on the way to when they asked for *link*; empty for nothing."""
    return str(link.data.get(_INTERACTION, ""))
