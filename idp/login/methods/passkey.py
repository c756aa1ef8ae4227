"""A passkey, alone or beside another proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.login import passkey_attempts
from idp.login.factor import Answer, Factor, Try
from idp.login.passkey_attempts import Expected
from idp.login.passkey_method import method
from idp.login.passkey_party import party
from idp.login.refused import Refused
from idp.passkeys import ceremonies, challenges, store
from idp.passkeys.ceremonies import PREFERRED, REQUIRED
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.sessions.models import PendingSignIn

_KNOWLEDGE = "pwd"
# The best that one can prove.
METHOD = method(backup_eligible=False, user_verified=True)


def expected(half: PendingSignIn) -> Expected:
    """Return that a passkey of whoever is half signed in is asked for, there.

    Who holds it need not be checked after a password; after anything else, possession would be all that is proven.
    """
    verification = PREFERRED if _KNOWLEDGE in half.amr else REQUIRED
    return Expected(challenges.SECOND_STEP, verification, session_id=half.id, person_id=half.person_id)


def _check(tried: Try) -> Answer:
    used = passkey_attempts.use_in(tried.session, tried.form.get("credential", ""), expected(tried.half))
    if isinstance(used, Refused):
        return Answer(is_right=False, sentence=used.errors[0][1], reason="wrong_passkey")
    return Answer(is_right=True, method=used)


def _has(session: Session, person: Person) -> bool:
    return party() is not None and store.count_of(session, person.id) > 0


def _shows(_session: Session, _person: Person, half: PendingSignIn) -> Mapping[str, object]:
    ours = party()
    address = url_for("login_passkey.second_options", interaction=half.interaction_id or None)
    return {"passkeys": {"rp_id": ours.id if ours else "", "options": address}}


FACTOR = Factor(
    method=METHOD,
    order=10,
    question=say("Use one of your passkeys: your fingerprint, face, screen lock or security key."),
    choice=say("Use a passkey"),
    icon="user-round-key",
    template="login/factors/passkey.html",
    has=_has,
    check=_check,
    # Whoever has one is not asked for it after the password; where two factors are asked for, it is one.
    demands=False,
    has_field=False,
    shows=_shows,
    prepare=ceremonies.prepare,
)
