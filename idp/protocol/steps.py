"""What an authorization request needs next: the one decision of the front channel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.diagnosis import reasons
from idp.errors import (
    AccessDenied,
    ConsentRequired,
    LoginRequired,
    ProtocolError,
    UnmetAuthenticationRequirements,
)
from idp.protocol.acr import ANY, LEVELS, PHISHING_RESISTANT, AcrRequest
from idp.protocol.prompts import Prompt
from idp.protocol.scopes import OFFLINE_ACCESS, OPENID, ordered

# A sign-in made for this very request meets any max_age for so long; max_age=0 could never be met otherwise.
JUST_SIGNED_IN = timedelta(minutes=5)


class Step(StrEnum):
    """What happens next; a step never leads to another, each returns to the decision."""

    ISSUE = "issue"
    LOG_IN = "log_in"
    STEP_UP = "step_up"
    ADD_PASSKEY = "add_passkey"
    CHOOSE_ACCOUNT = "choose_account"
    CREATE_ACCOUNT = "create_account"
    CONSENT = "consent"
    REFUSE_LOGIN_REQUIRED = "refuse_login_required"
    REFUSE_CONSENT_REQUIRED = "refuse_consent_required"
    REFUSE_DENIED = "refuse_denied"
    REFUSE_UNMET = "refuse_unmet"

    @property
    def is_refusal(self) -> bool:
        """Tell whether the answer is an error."""
        return self.value.startswith("refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The request, the person in front of it, and what was already decided.

    `scopes` is what the client may have of what it asked for; `may_refresh` tells whether it may hold refresh tokens.
    `created_at` is when the pending request was kept, `None` before that. `subject` and `auth_time` are those of the
    browser's session (`None`: nobody is signed in), `acr` the level of its sign-in, `own_levels` those that the person
    could reach, of all the `levels` that anybody could, `may_add_passkey` whether they could add one here for the
    strongest of them, and `is_too_weak` whether this server's own rules ask for more;
    `hint_subject` is from a *verified* id_token_hint, `meant` the subjects that the claims parameter names (`None`:
    none), `acr_request` the levels asked for. `remembered` is what the person allowed this client earlier, `decided`
    what the same person allowed within this request, and `account_chosen` whether the same person chose to go on within
    it. Scopes may have entries for single claims among them (`idp.protocol.claims_request`).
    """

    prompts: frozenset[Prompt] = frozenset()
    max_age: timedelta | None = None
    scopes: frozenset[str] = frozenset()
    may_refresh: bool = False
    skip_consent: bool = False
    hint_subject: str | None = None
    meant: frozenset[str] | None = None
    acr_request: AcrRequest = ANY
    created_at: datetime | None = None
    subject: str | None = None
    auth_time: datetime | None = None
    acr: str | None = None
    levels: tuple[str, ...] = LEVELS
    own_levels: tuple[str, ...] = LEVELS
    may_add_passkey: bool = False
    is_too_weak: bool = False
    remembered: frozenset[str] = frozenset()
    decided: frozenset[str] | None = None
    denied: bool = False
    account_chosen: bool = False

    @property
    def is_fresh(self) -> bool:
        """Tell whether the person signed in for this request: after it was kept, not before (A19)."""
        return self.auth_time is not None and self.created_at is not None and self.auth_time >= self.created_at

    @property
    def is_somebody_else(self) -> bool:
        """Tell whether the request is about another person than the one who is here."""
        return self.hint_subject not in (None, self.subject) or (
            self.meant is not None and self.subject not in self.meant
        )

    @property
    def is_unchosen(self) -> bool:
        """Tell whether the person still has to say which account to go on with."""
        return Prompt.SELECT_ACCOUNT in self.prompts and not (self.is_fresh or self.account_chosen)

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
        return Decision(_denial(situation))
    if situation.acr_request.is_essential and not situation.acr_request.is_reachable(situation.levels):
        return Decision(Step.REFUSE_UNMET)
    step = _sign_in_step(situation, now)
    if step is None:
        return _consent_step(situation)
    if step is Step.REFUSE_UNMET:
        return Decision(step)
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
    if step is Step.REFUSE_UNMET:
        return UnmetAuthenticationRequirements("No sign-in here reaches the acr asked for.", reason=reasons.ACR_UNMET)
    raise ValueError(f"{step} is no refusal.")


def _sign_in_step(situation: Situation, now: datetime) -> Step | None:
    """Return the step that leads to the right person, signed in recently enough; `None` when they are here."""
    if Prompt.CREATE in situation.prompts and not situation.is_fresh:
        # Whoever is here already is asked all the same: the app wants somebody new (Prompt Create section 4).
        return Step.CREATE_ACCOUNT
    if situation.is_unchosen:
        return Step.CHOOSE_ACCOUNT
    if situation.subject is None or situation.auth_time is None:
        return Step.LOG_IN
    if situation.is_somebody_else:
        # Who signed in for this request, and is still somebody else, will not become the person that is meant.
        return Step.REFUSE_LOGIN_REQUIRED if situation.is_fresh else Step.LOG_IN
    if (Prompt.LOGIN in situation.prompts and not situation.is_fresh) or not _is_recent(situation, now):
        return Step.LOG_IN
    return _acr_step(situation)


def _acr_step(situation: Situation) -> Step | None:
    """Return the step that leads to the level asked for, or by this server's own rules to two factors."""
    wanted = situation.acr_request
    if situation.is_too_weak:
        return Step.STEP_UP
    if wanted.is_met(situation.acr):
        return None
    if wanted.is_reachable(situation.own_levels) and (wanted.is_essential or not _is_silent(situation)):
        # The second proof is enough: the first one is as recent as was asked for.
        return Step.STEP_UP
    if wanted.is_essential and situation.may_add_passkey and wanted.is_reachable((PHISHING_RESISTANT,)):
        return Step.ADD_PASSKEY
    return Step.REFUSE_UNMET if wanted.is_essential else None


def _denial(situation: Situation) -> Step:
    """Return what the client is told of a person who would not go on: that they refused it, or the level it needs."""
    wanted = situation.acr_request
    is_unmet = wanted.is_essential and not wanted.is_met(situation.acr)
    return Step.REFUSE_UNMET if is_unmet else Step.REFUSE_DENIED


def _is_silent(situation: Situation) -> bool:
    return Prompt.NONE in situation.prompts


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
