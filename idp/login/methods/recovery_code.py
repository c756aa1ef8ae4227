"""A recovery code, beside another proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.factors import recovery_codes
from idp.login import notices
from idp.login.factor import RIGHT, Answer, Factor, Try
from idp.login.method import Method
from idp.protocol import acr
from idp.vault import Secrets
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

METHOD = Method("recovery_code", amr=("otp",), acr=acr.PASSWORD)

_MISSING = say("Enter one of your recovery codes.")
_WRONG = say("That is none of your recovery codes, or you used it before. Try another one.")


def _check(tried: Try) -> Answer:
    typed = tried.form.get("code", "").strip()
    if not typed:
        return Answer(is_right=False, sentence=_MISSING)
    if recovery_codes.use(tried.session, service(Secrets), tried.person.id, typed, tried.now):
        left = recovery_codes.left(tried.session, tried.person.id)
        notices.tell(tried.session, tried.person, "recovery_code_used", now=tried.now, themselves=True, left=left)
        return RIGHT
    return Answer(is_right=False, sentence=_WRONG)


def _has(session: Session, person: Person) -> bool:
    return recovery_codes.left(session, person.id) > 0


FACTOR = Factor(
    method=METHOD,
    order=90,
    question=say("Enter one of the recovery codes that you saved. Each works once."),
    choice=say("Use a recovery code"),
    icon="list-checks",
    template="login/factors/recovery_code.html",
    has=_has,
    check=_check,
    # They are the way back for somebody who has another factor, and none by themselves.
    demands=False,
    fulfils=False,
)
