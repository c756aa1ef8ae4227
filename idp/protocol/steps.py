"""What an authorization request needs next: the one decision of the front channel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.diagnosis import reasons
from idp.errors import AccessDenied, ConsentRequired, LoginRequired, ProtocolError
from idp.protocol.prompts import Prompt
from idp.protocol.scopes import OFFLINE_ACCESS, OPENID, ordered

# A sign-in made for this very request meets any max_age for so long; max_age=0 could never be met otherwise.
JUST_SIGNED_IN = timedelta(minutes=5)


class Step(StrEnum):
    """What happens next; a step never leads to another, each returns to the decision."""

    ISSUE = "issue"
    LOG_IN = "log_in"
    CHOOSE_ACCOUNT = "choose_account"
    CONSENT = "consent"
    REFUSE_LOGIN_REQUIRED = "refuse_login_required"
    REFUSE_CONSENT_REQUIRED = "refuse_consent_required"
    REFUSE_DENIED = "refuse_denied"

    @property
    def is_refusal(self) -> bool:
        """Tell whether the answer is an error."""
        return self.value.startswith("refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The request, the person in front of it, and what was already decided.

    `scopes` is what the client may have of what it asked for; `may_refresh` tells whether it may hold refresh tokens.
    `created_at` is when the pending request was kept, `None` before that. `subject` and `auth_time` are those of the
    browser's session (`None`: nobody is signed in); `hint_subject` is from a *verified* id_token_hint. `remembered` is
    what the person allowed this client earlier, `decided` what the same person allowed within this request, and
    `account_chosen` whether the same person chose to go on within it.
    """

    prompts: frozenset[Prompt] = frozenset()
    max_age: timedelta | None = None
    scopes: frozenset[str] = frozenset()
    may_refresh: bool = False
    skip_consent: bool = False
    hint_subject: str | None = None
    created_at: datetime | None = None
    subject: str | None = None
    auth_time: datetime | None = None
    remembered: frozenset[str] = frozenset()
    decided: frozenset[str] | None = None
    denied: bool = False
    account_chosen: bool = False

    @property
    def is_fresh(self) -> bool:
        """Tell whether the person signed in for this request: after it was kept, not before (A19)."""
        return self.auth_time is not None and self.created_at is not None and self.auth_time >= self.created_at

    @property
    def grantable(self) -> frozenset[str]:
        """The scopes to grant or to ask for; offline_access only where it may be given at all.

        It takes `prompt=consent`, an earlier or present consent to it, or a client whose consent is skipped (OpenID
        Connect Core section 11); otherwise it is ignored, as the standard demands.
        """
        allowed = (
            self.skip_consent
            or Prompt.CONSENT in self.prompts
            or OFFLINE_ACCESS in self.remembered
            or (self.decided is not None and OFFLINE_ACCESS in self.decided)
        )
        return self.scopes if self.may_refresh and allowed else self.scopes - {OFFLINE_ACCESS}


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step; `scopes` are those to issue for, or to ask consent for."""

    step: Step
    scopes: tuple[str, ...] = ()


def next_step(situation: Situation, now: datetime) -> Decision:
    """Decide what *situation* needs at *now* (aware); total, and the same answer to the same question."""
    if situation.denied:
        return Decision(Step.REFUSE_DENIED)
    step = _sign_in_step(situation, now)
    if step is None:
        return _consent_step(situation)
    if Prompt.NONE in situation.prompts:
        return Decision(Step.REFUSE_LOGIN_REQUIRED)
    return Decision(step)


def refusal(step: Step) -> ProtocolError:
    """Return the error that a refusing step stands for."""
    if step is Step.REFUSE_LOGIN_REQUIRED:
        return LoginRequired("The person has to sign in.")
    if step is Step.REFUSE_CONSENT_REQUIRED:
        return ConsentRequired("The person has to allow this.")
    if step is Step.REFUSE_DENIED:
        return AccessDenied("The person did not allow this.", reason=reasons.CONSENT_DENIED)
    raise ValueError(f"{step} is no refusal.")


def _sign_in_step(situation: Situation, now: datetime) -> Step | None:
    """Return the step that leads to the right person, signed in recently enough; `None` when they are here."""
    if situation.subject is None or situation.auth_time is None:
        return Step.LOG_IN
    if situation.hint_subject not in (None, situation.subject):
        # Who signed in for this request, and is still somebody else, will not become the person that is meant.
        return Step.REFUSE_LOGIN_REQUIRED if situation.is_fresh else Step.LOG_IN
    if Prompt.LOGIN in situation.prompts and not situation.is_fresh:
        return Step.LOG_IN
    if not _is_recent(situation, now):
        return Step.LOG_IN
    if Prompt.SELECT_ACCOUNT in situation.prompts and not (situation.is_fresh or situation.account_chosen):
        return Step.CHOOSE_ACCOUNT
    return None


def _is_recent(situation: Situation, now: datetime) -> bool:
    if situation.max_age is None or situation.auth_time is None:
        return True
    allowed = max(situation.max_age, JUST_SIGNED_IN) if situation.is_fresh else situation.max_age
    return now - situation.auth_time <= allowed


def _consent_step(situation: Situation) -> Decision:
    wanted = situation.grantable
    if situation.decided is not None and not situation.skip_consent:
        granted = wanted & situation.decided
        if (wanted and not granted) or (OPENID in wanted and OPENID not in granted):
            return Decision(Step.REFUSE_DENIED)
        return Decision(Step.ISSUE, ordered(granted))
    asked_again = Prompt.CONSENT in situation.prompts
    if situation.skip_consent or (wanted <= situation.remembered and not asked_again):
        return Decision(Step.ISSUE, ordered(wanted))
    if Prompt.NONE in situation.prompts:
        return Decision(Step.REFUSE_CONSENT_REQUIRED)
    return Decision(Step.CONSENT, ordered(wanted))
