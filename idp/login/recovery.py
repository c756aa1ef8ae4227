"""Getting back in without the password: asking for a link, and using it.

Whether the name is unknown, the person disabled or the mail on its way, the same steps take the same time and end in
the same answer: one reservation, one link, one mail, one audit entry. What is for nobody is taken back before it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask import request

from idp import clock
from idp.accounts import recovery
from idp.accounts import store as accounts
from idp.accounts.names import key_of
from idp.audit.log import record
from idp.audit.recovery_events import RecoveryAsked
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.factors import store as factors
from idp.login import factor_removal, password_changes
from idp.login.actor import acting
from idp.login.password_changes import RECOVERED, NewPassword
from idp.sessions import devices
from idp.vault import Vault
from idp.web import language
from idp.web.addresses import client_address, network_of
from idp.web.current import service
from idp.web.paths import path_of
from idp.web.throttle import QUARTER_HOUR, Limit, Rule, throttle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.waiting import Waiting

# One link a minute for whoever asks again, and later less often.
ASKED_AGAIN: Final = Rule(
    "recovery", free=1, first_wait=timedelta(minutes=1), longest_wait=timedelta(minutes=5), slides=True
)
# Nobody's mailbox is filled from many addresses.
ASKED_EVERYWHERE: Final = Rule(
    "recovery_everywhere", free=5, first_wait=timedelta(minutes=1), longest_wait=QUARTER_HOUR, slides=True
)
ADDRESS: Final = Rule("recovery_address", free=10, first_wait=timedelta(seconds=30), longest_wait=QUARTER_HOUR)
_NOBODY: Final = "nobody@localhost"
_LONGEST_NAME: Final = 320
_SHOWN: Final = 16


@dataclass(frozen=True, slots=True)
class Recovered:
    """Whose password was replaced, and the request that they were on the way to."""

    person_id: str
    interaction: str


def ask(name: str, waiting: Waiting) -> None:
    """Send whoever has *name* a link, if anybody has.

    Raises:
        Blocked: a link was asked for a moment ago, or too many were.

    """
    now, name = clock.utc_now(), name[:_LONGEST_NAME]
    with transaction() as session:
        person = accounts.find_by_login(session, name)
        person_id = person.id if person is not None else None
    throttle().reserve(_limits(name, person_id), now)
    with transaction() as session:
        person = accounts.find(session, person_id) if person_id else None
        _send(session, person if person is not None and person.disabled_at is None else None, waiting, now)
        reason = "unknown_person" if person is None else "disabled" if person.disabled_at is not None else ""
        event = RecoveryAsked(
            target_id=person.id if person else "",
            target_name=(person.name or person.username) if person else "",
            reason=reason,
            client_id=waiting.client_id,
        )
        record(session, event, now=now, actor=acting("", ""))


def name_behind(token: str) -> tuple[str, str]:
    """Return the username of whoever the link with *token* was for, and what they were on the way to.

    For a link that nobody knows it is a name that nobody has: asking in it takes the same steps.
    """
    session = db.session()
    link = recovery.find_ended(session, token)
    person = accounts.find(session, link.person_id) if link and link.person_id else None
    session.rollback()
    return (person.username, recovery.interaction_of(link)) if person and link else (f"link {token[:_SHOWN]}", "")


def use(token: str, password_hash: str) -> Recovered | None:
    """Use the link with *token* up for a new password; ``None`` when it does not work any more.

    It proves nothing but that somebody reads the mail, or was handed the link: nobody is signed in by it.
    """
    with transaction() as session:
        now = clock.utc_now()
        found = recovery.find(session, token, now)
        # The person first, as everywhere: two transactions that lock in different orders wait for each other.
        person = accounts.find(session, found.person_id, lock=True) if found and found.person_id else None
        if person is None or person.disabled_at is not None:
            return None
        link = recovery.consume(session, token, now)
        if link is None:
            return None
        who = acting(person.id, person.name or person.username)
        password_changes.change(session, person, NewPassword(password_hash, RECOVERED), actor=who, now=now)
        if recovery.removes_factors(link):
            factor_removal.remove_all(session, person, actor=who, now=now)
        if link.purpose == recovery.BY_MAIL:
            factors.pause(session, person.id, factors.EMAIL, now)
        return Recovered(person.id, recovery.interaction_of(link))


def person_of(token: str) -> Person | None:
    """Return whose password the link with *token* is for; ``None`` when it does not work (any more)."""
    session = db.session()
    link = recovery.find(session, token, clock.utc_now())
    person = accounts.find(session, link.person_id) if link and link.person_id else None
    return person if person is not None and person.disabled_at is None else None


def _send(session: Session, person: Person | None, waiting: Waiting, now: datetime) -> None:
    """Queue the mail; for nobody do the same and take it back."""
    with session.begin_nested() as savepoint:
        token = recovery.make_for_mail(session, person.id if person else None, interaction=waiting.id, now=now)
        facts = {
            "name": (person.name or person.username) if person else "",
            "username": person.username if person else "",
            "at": now,
            "minutes": recovery.MAILED_LIFETIME // timedelta(minutes=1),
            "app": waiting.client.name if waiting.client else "",
            "device": devices.describe(request.headers.get("User-Agent", "")),
            "address": client_address(),
        }
        letter = Mail(
            template="recovery",
            to=person.email if person else _NOBODY,
            person_id=person.id if person else None,
            facts=facts,
            link=path_of("login_recover.show", token=token),
            lifetime=recovery.MAILED_LIFETIME,
            language=language.of_person(person.claims.get("locale") if person else None, is_here=True),
        )
        mail.queue(session, service(Vault), letter, now=now)
        session.flush()
        if person is None:
            savepoint.rollback()


def _limits(name: str, person_id: str | None) -> Sequence[Limit]:
    # By the name that was typed: going by the person would tell which two names are one person.
    typed, network = key_of(name), network_of(client_address())
    return (
        Limit(ASKED_AGAIN, f"{typed} {network}"),
        Limit(ASKED_EVERYWHERE, person_id or f"name {typed}"),
        Limit(ADDRESS, network),
    )
