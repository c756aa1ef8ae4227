"""Signing in with name and password, and giving the password once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.db import transaction
from idp.login import attempts, halfway
from idp.login.methods.password import METHOD
from idp.login.refused import DISABLED, Refused, blocked_by
from idp.web.throttle import Blocked
from idp.wording import say

if TYPE_CHECKING:
    from idp.login.attempts import Proof
    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView

_WRONG = say("That username or email address and that password don’t match.")
_WRONG_PASSWORD = say("That password is not right.")


def sign_in(name: str, password: str, waiting: Waiting) -> Outcome | Refused:
    """Sign whoever has *name* in, if *password* is right.

    Raises:
        HashingBusy: no place to hash; nothing was tried.

    """
    missing = _missing(name, password)
    if missing:
        return Refused(missing)
    try:
        proof = attempts.prove(name, password, client_id=waiting.client_id)
    except Blocked as blocked:
        return blocked_by(blocked)
    if proof is None:
        return Refused((("username", _WRONG),))
    return _start(proof, waiting)


def confirm(view: SessionView, password: str, waiting: Waiting) -> Outcome | Refused:
    """Note that the person of the session *view* has just given the password again.

    Raises:
        HashingBusy: no place to hash; nothing was tried.

    """
    missing = _missing(view.username, password)
    if missing:
        return Refused(missing)
    try:
        proof = attempts.prove(view.username, password, client_id=waiting.client_id)
    except Blocked as blocked:
        return blocked_by(blocked)
    is_theirs = proof is not None and proof.person_id == view.person_id
    outcome = _confirm(proof, view, waiting) if proof is not None and is_theirs else None
    return outcome or Refused((("password", _WRONG_PASSWORD),))


def _start(proof: Proof, waiting: Waiting) -> Outcome | Refused:
    with transaction() as session:
        person = attempts.accept(session, proof, client_id=waiting.client_id)
        outcome = None
        if person is not None and person.disabled_at is None:
            outcome = halfway.prove(session, person, METHOD, waiting, known_device=proof.known_device)
    attempts.give_back(proof)
    if person is None:
        return Refused((("username", _WRONG),))
    if outcome is None:
        return Refused((("", DISABLED),), status=403)
    return outcome


def _confirm(proof: Proof, view: SessionView, waiting: Waiting) -> Outcome | None:
    outcome = None
    with transaction() as session:
        person = attempts.accept(session, proof, client_id="")
        if person is not None and person.disabled_at is None:
            outcome = halfway.confirm(session, view, person, METHOD, waiting)
    attempts.give_back(proof)
    return outcome


def _missing(name: str, password: str) -> tuple[tuple[str, str], ...]:
    errors = () if name else (("username", say("Enter your username or email address.")),)
    return errors if password else (*errors, ("password", say("Enter your password.")))
