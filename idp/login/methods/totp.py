"""A code of an authenticator app, beside another proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.factors import store, totp
from idp.login.factor import RIGHT, Answer, Factor, Try
from idp.login.method import Method
from idp.protocol import acr
from idp.vault import Vault
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

METHOD = Method("totp", amr=("otp",), acr=acr.PASSWORD)

_MISSING = say("Enter the 6 digits that your authenticator app shows.")
_WRONG = say("That code is not right. Enter the one that your authenticator app shows now.")
_USED = say("That code was used already. Wait for the next one, which comes within 30 seconds.")


def _check(tried: Try) -> Answer:
    code = "".join(tried.form.get("code", "").split())
    if len(code) != totp.DIGITS or not code.isdecimal():
        return Answer(is_right=False, sentence=_MISSING)
    verdict = totp.use(tried.session, service(Vault), tried.person.id, code, tried.now)
    if verdict is totp.Verdict.RIGHT:
        return RIGHT
    if verdict is totp.Verdict.USED:
        return Answer(is_right=False, sentence=_USED, reason="used_code")
    return Answer(is_right=False, sentence=_WRONG)


def _has(session: Session, person: Person) -> bool:
    return store.find(session, person.id, store.TOTP) is not None


FACTOR = Factor(
    method=METHOD,
    order=20,
    question=say("Enter the code that your authenticator app shows."),
    choice=say("Use your authenticator app"),
    icon="smartphone",
    template="login/factors/totp.html",
    has=_has,
    check=_check,
)
