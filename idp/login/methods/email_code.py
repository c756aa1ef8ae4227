"""A code sent to the verified address, beside another proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.factors import email_codes, store
from idp.login.factor import RIGHT, Answer, Factor, Try
from idp.login.method import Method
from idp.passkeys import store as passkeys
from idp.protocol import acr
from idp.settings import Settings
from idp.vault import Secrets
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.sessions.models import PendingSignIn

METHOD = Method("email_code", amr=("otp",), acr=acr.PASSWORD)

_MISSING = say("Enter the 6 digits of the email.")
_WRONG = say("That code is not right, or not the one of the last email. Look again, or have another one sent.")


def _check(tried: Try) -> Answer:
    code = "".join(tried.form.get("code", "").split())
    if len(code) != email_codes.DIGITS or not code.isdecimal():
        return Answer(is_right=False, sentence=_MISSING)
    if not email_codes.use(tried.session, service(Secrets), tried.half.id, code, tried.now):
        return Answer(is_right=False, sentence=_WRONG)
    factor = store.find(tried.session, tried.person.id, store.EMAIL)
    if factor is not None:
        store.note_use(tried.session, factor.id, tried.now)
    return RIGHT


def _has(session: Session, person: Person) -> bool:
    # An address that was changed since has to be verified first.
    may = service(Settings).sign_in.email_code and person.email_verified
    factor = store.find(session, person.id, store.EMAIL) if may else None
    if factor is None:
        return False
    # Whoever reads the mail has just replaced the password by it: where there is anything else, that is asked for.
    return factor.paused_at is None or not _has_another(session, person)


def _has_another(session: Session, person: Person) -> bool:
    return store.find(session, person.id, store.TOTP) is not None or passkeys.count_of(session, person.id) > 0


def _shows(session: Session, person: Person, half: PendingSignIn) -> Mapping[str, object]:
    name, at, domain = person.email.partition("@")
    return {"address": f"{name[:1]}…{at}{domain}", "sent_at": email_codes.sent_at(session, half.id)}


FACTOR = Factor(
    method=METHOD,
    order=40,
    question=say("We send a code to your email address."),
    choice=say("Have a code sent by email"),
    icon="mail",
    template="login/factors/email_code.html",
    has=_has,
    check=_check,
    shows=_shows,
)
