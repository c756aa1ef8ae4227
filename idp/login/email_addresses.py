"""Email addresses: a link shows that whoever reads the mail of an address is the one who has the account.

An address that a person wants instead of theirs counts only once its link was used by them; until then the account, and
what apps are told, stay as they are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from idp.accounts import administration, links, store
from idp.accounts.links import Link
from idp.audit import mail_events
from idp.audit.log import Actor, record
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.errors import FieldErrors
from idp.login import notices
from idp.vault import Vault
from idp.web import language
from idp.web.current import service
from idp.web.paths import path_of
from idp.web.throttle import Limit, Rule, throttle
from idp.wording import say

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

VERIFY: Final = "verify_email"
CHANGE: Final = "change_email"
LIFETIME: Final = timedelta(hours=24)
# One at once, the next after a minute, then ever later: nobody's mailbox is filled from here.
_RULE: Final = Rule(
    "email_link", free=1, first_wait=timedelta(seconds=60), longest_wait=timedelta(hours=1), window=timedelta(hours=24)
)


def reserve(person_id: str, now: datetime) -> None:
    """Count a link that is to be sent, in a transaction of its own.

    Raises:
        TooManyAttempts: the last one is too recent.

    """
    throttle().reserve([Limit(_RULE, person_id)], now)


def send_verification(session: Session, person: Person, *, actor: Actor, now: datetime) -> None:
    """Send a link to the address of *person*, for them to show that it is theirs."""
    token = _make_link(session, person, VERIFY, person.email, actor=actor, now=now)
    _mail_link(session, person, VERIFY, person.email, token, actor=actor, now=now)


def checked(person: Person, address: str) -> str:
    """Return *address*, which *person* wants instead of theirs, as it would be kept.

    Raises:
        FieldErrors: it cannot be an address, or is theirs already.

    """
    clean = str(store.check_names({"email": address})["email"])
    if store.key_of(clean) == person.email_key:
        raise FieldErrors({"email": say("This is your address already.")})
    return clean


def ask_change(session: Session, person: Person, address: str, *, actor: Actor, now: datetime) -> None:
    """Send a link to *address*, which was ``checked``.

    Somebody else's address looks the same to whoever asks, on every page: a link is made, and nobody gets it. The owner
    is told instead.
    """
    token = _make_link(session, person, CHANGE, address, actor=actor, now=now)
    owner = store.find_by_login(session, address)
    if owner is None:
        _mail_link(session, person, CHANGE, address, token, actor=actor, now=now)
        return
    facts = {"name": owner.name or owner.username, "email": owner.email}
    letter = Mail(
        template="email_taken",
        to=owner.email,
        person_id=owner.id,
        facts=facts,
        link="/account/security",
        language=language.of_person(owner.claims.get("locale"), is_here=False),
    )
    mail.queue(session, service(Vault), letter, now=now)


def find(session: Session, token: str, now: datetime) -> Link | None:
    """Return what a link of this module is for, without using it up."""
    return links.find(session, VERIFY, token, now) or links.find(session, CHANGE, token, now)


def confirm(session: Session, token: str, *, actor: Actor, now: datetime) -> Person | None:
    """Do what the link is for, once; ``None`` when it is of no use any more.

    Raises:
        FieldErrors: somebody else has the address by now.

    """
    found = find(session, token, now)
    # The person first, as wherever links are made: who locks in another order waits for ever.
    person = store.find(session, found.person_id or "", lock=True) if found else None
    if found is None or person is None or links.consume(session, found.purpose, token, now) is None:
        return None
    if found.purpose == CHANGE:
        old = person.email
        administration.change(
            session, person, {"email": found.data["email"], "email_verified": True}, actor=actor, now=now
        )
        notices.tell(session, person, "email_changed", now=now, to=old, old=old, new=person.email)
    elif store.key_of(found.data["email"]) != person.email_key:
        return None
    else:
        administration.change(session, person, {"email_verified": True}, actor=actor, now=now)
    record(session, mail_events.EmailVerified(target_id=person.id, target_name=person.email), now=now, actor=actor)
    return person


def pending(session: Session, person_id: str, now: datetime) -> Link | None:
    """Return the change of address that waits for its link to be used."""
    return links.live(session, person_id, CHANGE, now)


def drop_change(session: Session, person_id: str) -> bool:
    """Forget the change that waits; return whether there was one."""
    return links.drop(session, person_id, CHANGE) > 0


def _make_link(session: Session, person: Person, purpose: str, address: str, *, actor: Actor, now: datetime) -> str:
    event = mail_events.EmailLinkSent(target_id=person.id, target_name=address, purpose=purpose)
    record(session, event, now=now, actor=actor)
    return links.make(
        session,
        purpose,
        person_id=person.id,
        data={"email": address},
        lifetime=LIFETIME,
        made_by=actor.id,
        now=now,
    )


def _mail_link(  # noqa: PLR0913 - private: what a link is made of, and the link
    session: Session, person: Person, purpose: str, address: str, token: str, *, actor: Actor, now: datetime
) -> None:
    letter = Mail(
        template=purpose,
        to=address,
        person_id=person.id,
        facts={"name": person.name or person.username, "username": person.username, "email": address, "hours": 24},
        link=path_of("email_links.show", token=token),
        lifetime=LIFETIME,
        language=language.of_person(person.claims.get("locale"), is_here=actor.id == person.id),
    )
    mail.queue(session, service(Vault), letter, now=now)
