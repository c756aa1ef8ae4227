"""Adding a passkey to the account of whoever is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from flask import request

from idp import clock
from idp.accounts import store as accounts
from idp.audit.log import record
from idp.audit.passkey_events import PasskeyAdded
from idp.db import transaction
from idp.deliveries import sign_outs
from idp.login import passkey_notices
from idp.login.actor import actor
from idp.login.browser import bind_browser, browser_fingerprint
from idp.login.passkey_party import party
from idp.passkeys import ceremonies, challenges, providers, store
from idp.passkeys.ceremonies import PREFERRED, AnswerRefused
from idp.passkeys.store import PasskeyTaken
from idp.sessions import devices
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import revocation
from idp.web.addresses import client_address
from idp.web.current import service
from idp.wording import say, spoken

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.passkeys.ceremonies import NewCredential
    from idp.passkeys.models import Passkey
    from idp.sessions.store import SessionView

_LOG = structlog.get_logger("idp.login")
_UNREADABLE = say("We couldn’t read what your browser sent. Try again.")
_STALE = say("That took too long. Try again.")
_WRONG = say("We couldn’t check this passkey. Try again, or choose another place to keep it.")


@dataclass(frozen=True, slots=True)
class Added:
    """It worked: the passkey, and how many other sessions ended with it."""

    passkey: Passkey
    sessions: int


@dataclass(frozen=True, slots=True)
class NotAdded:
    """It did not, and what the page says."""

    sentence: str


def options(session: Session, view: SessionView, *, is_quiet: bool) -> dict[str, Any] | None:
    """Begin a challenge, and return what the browser is to make; nothing where there can be no passkeys."""
    ours = party()
    if ours is None:
        return None
    purpose = challenges.REGISTER_QUIETLY if is_quiet else challenges.REGISTER
    challenge = challenges.begin(session, purpose, browser=bind_browser(), session_id=view.id, now=clock.utc_now())
    return ceremonies.creation_options(
        ours,
        challenge,
        user=(view.person_id, view.username, view.display_name),
        exclude=store.descriptors(store.of_person(session, view.person_id)),
        user_verification=PREFERRED if is_quiet else service(Settings).passkeys.user_verification,
    )


def add(view: SessionView, text: str, *, is_quiet: bool, ends_others: bool) -> Added | NotAdded:
    """Keep the passkey in *text*, whose challenge ends whatever comes of it.

    ``is_quiet``: the browser made it without asking. ``ends_others``: whoever is signed in elsewhere is signed out.
    """
    try:
        made = _verified(view, text, is_quiet=is_quiet)
        return _keep(view, made, ends_others=ends_others) if made else NotAdded(_STALE)
    except AnswerRefused as error:
        _LOG.warning("passkey not added", detail=error.detail)
        return NotAdded(_WRONG if text else _UNREADABLE)
    except PasskeyTaken as taken:
        return NotAdded(taken.public)


def _verified(view: SessionView, text: str, *, is_quiet: bool) -> NewCredential | None:
    answer, ours, browser = ceremonies.read(text), party(), browser_fingerprint()
    purpose = challenges.REGISTER_QUIETLY if is_quiet else challenges.REGISTER
    with transaction() as session:
        is_ours = challenges.consume(
            session, answer.challenge, purpose, browser=browser, session_id=view.id, now=clock.utc_now()
        )
    if ours is None or not is_ours:
        return None
    policy = service(Settings).passkeys.user_verification
    return ceremonies.verify_registration(ours, answer, user_verification=policy, is_quiet=is_quiet)


def _keep(view: SessionView, made: NewCredential, *, ends_others: bool) -> Added | NotAdded:
    now = clock.utc_now()
    device = devices.describe(request.headers.get("User-Agent", ""))
    own = spoken(say("Passkey of %(device)s", device=devices.named(device)))
    name = (providers.provider_of(made.aaguid) or own)[: store.LONGEST_NAME]
    with transaction() as session:
        # The person first, as at sign-in: two transactions that lock in different orders wait for each other.
        person = accounts.find(session, view.person_id, lock=True)
        if person is None:
            return NotAdded(_STALE)
        passkey = store.add(session, person.id, made, name=name, now=now)
        ended, grants = end_others(session, view) if ends_others else (0, 0)
        event = PasskeyAdded(
            target_id=person.id,
            target_name=person.username,
            passkey_id=passkey.id,
            name=name,
            kind=providers.kind_of(passkey).label,
            sessions=ended,
            grants=grants,
        )
        record(session, event, now=now, actor=actor())
        passkey_notices.tell_added(session, person, name, device=device, address=client_address(), now=now)
        return Added(passkey, ended)


def end_others(session: Session, view: SessionView) -> tuple[int, int]:
    """End every session of the person but this one, and what apps hold from those; return how many of each."""
    now = clock.utc_now()
    others = [one.id for one in sessions.live(session, view.person_id, now) if one.id != view.id]
    ended = sign_outs.end_all(session, view.person_id, now, keep=view.id)
    return ended, revocation.revoke_sessions(session, others, now=now)
