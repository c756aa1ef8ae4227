"""A passkey instead of a password for an account that is being made: what the browser makes, and the check of it.

The account's id is in the passkey, so it is chosen when the browser is asked; the challenge is bound to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from flask import request

from idp import clock, opaque
from idp.accounts import store as accounts
from idp.audit.log import record
from idp.audit.passkey_events import PasskeyAdded
from idp.db import transaction
from idp.errors import FieldErrors
from idp.login.actor import acting
from idp.login.browser import bind_browser, browser_fingerprint
from idp.login.passkey_party import party
from idp.passkeys import ceremonies, challenges, providers, store
from idp.passkeys.ceremonies import AnswerRefused
from idp.sessions import devices
from idp.settings import Settings
from idp.web.current import service
from idp.wording import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.passkeys.ceremonies import NewCredential

_LOG = structlog.get_logger("idp.login")
_STALE = say("That took too long. Try again.")
_WRONG = say("We couldn’t check this passkey. Try again, or use a password instead.")
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class FirstPasskey:
    """A verified passkey of a person who does not exist yet, and whose id is to be ``person_id``."""

    person_id: str
    made: NewCredential
    name: str


def options(session: Session, names: Mapping[str, str]) -> dict[str, Any] | None:
    """Begin a challenge, and return what the browser is to make; nothing where there can be no passkeys.

    Raises:
        FieldErrors: the names cannot be taken: a passkey that is made for them would be of no use.

    """
    ours = party()
    if ours is None:
        return None
    check_names(session, names)
    person_id = opaque.new_id("usr")
    challenge = challenges.begin(
        session, challenges.JOIN, browser=bind_browser(), session_id=person_id, now=clock.utc_now()
    )
    made = ceremonies.creation_options(
        ours,
        challenge,
        user=(person_id, names["username"], names["name"] or names["username"]),
        exclude=(),
        user_verification=service(Settings).passkeys.user_verification,
    )
    return {"account": person_id, "publicKey": made}


def check_names(session: Session, names: Mapping[str, str]) -> None:
    """Raise the ``FieldErrors`` of *names* that cannot be taken, among them those that somebody else has by now."""
    accounts.check_names(dict(names))
    if accounts.find_by_login(session, names["username"]) is not None:
        raise FieldErrors({"username": say("Somebody else has this username.")})


def check(text: str, person_id: str) -> FirstPasskey:
    """Check the passkey in *text*, whose challenge ends whatever comes of it.

    Raises:
        FieldErrors: it is none, or not for an account with the id *person_id*.

    """
    try:
        answer, ours, browser = ceremonies.read(text), party(), browser_fingerprint()
        with transaction() as session:
            is_ours = challenges.consume(
                session,
                answer.challenge,
                challenges.JOIN,
                browser=browser,
                session_id=person_id[:_LONGEST_ID],
                now=clock.utc_now(),
            )
        if ours is None or not is_ours:
            raise FieldErrors({"passkey": _STALE})
        policy = service(Settings).passkeys.user_verification
        made = ceremonies.verify_registration(ours, answer, user_verification=policy, is_quiet=False)
    except AnswerRefused as error:
        _LOG.warning("passkey not added", detail=error.detail)
        raise FieldErrors({"passkey": _WRONG}) from None
    device = devices.describe(request.headers.get("User-Agent", ""))
    name = providers.provider_of(made.aaguid) or spoken(say("Passkey of %(device)s", device=device))
    return FirstPasskey(person_id, made, name[: store.LONGEST_NAME])


def keep(session: Session, person: Person, first: FirstPasskey) -> None:
    """Give *person*, who was just made, their passkey."""
    passkey = store.add(session, person.id, first.made, name=first.name, now=clock.utc_now())
    event = PasskeyAdded(
        target_id=person.id,
        target_name=person.username,
        passkey_id=passkey.id,
        name=first.name,
        kind=providers.kind_of(passkey).label,
        sessions=0,
        grants=0,
    )
    record(session, event, now=clock.utc_now(), actor=acting(person.id, person.name or person.username))
