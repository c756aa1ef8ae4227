import itertools
from datetime import UTC, datetime, timedelta

import pytest

from idp.errors import AccessDenied, ConsentRequired, LoginRequired
from idp.protocol.acr import AcrRequest
from idp.protocol.prompts import Prompt
from idp.protocol.steps import Decision, Situation, Step, next_step, refusal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OPENID = frozenset({"openid"})
OFFLINE = frozenset({"openid", "offline_access"})


def ago(**parts):
    return NOW - timedelta(**parts)


def situation(prompt="", /, **facts):
    """Ana signed in ten minutes ago and has allowed openid to this client."""
    defaults = {"subject": "ana", "auth_time": ago(minutes=10), "scopes": OPENID, "remembered": OPENID}
    prompts = frozenset(Prompt(word) for word in prompt.split())
    return Situation(prompts=prompts, **{**defaults, **facts})


def step(prompt="", /, **facts):
    return next_step(situation(prompt, **facts), NOW).step


NOBODY = {"subject": None, "auth_time": None}
FRESH = {"created_at": ago(minutes=1), "auth_time": ago(seconds=30)}
STALE = {"created_at": ago(minutes=1), "auth_time": ago(minutes=10)}
NEEDS_PASSKEY = {
    "acr_request": AcrRequest(("phr",), is_essential=True),
    "own_levels": ("1", "2"),
    "may_add_passkey": True,
}


@pytest.mark.parametrize(
    ("prompt", "facts", "expected"),
    [
        # Who is there, and what did they allow?
        ("", {}, Step.ISSUE),
        ("", NOBODY, Step.LOG_IN),
        ("", {"remembered": frozenset()}, Step.CONSENT),
        ("", {"scopes": frozenset({"openid", "email"})}, Step.CONSENT),
        ("", {"remembered": frozenset({"openid", "email"})}, Step.ISSUE),
        ("", {"remembered": frozenset(), "skip_consent": True}, Step.ISSUE),
        ("", {"scopes": frozenset(), "remembered": frozenset()}, Step.ISSUE),
        # prompt=none shows nothing.
        ("none", {}, Step.ISSUE),
        ("none", NOBODY, Step.REFUSE_LOGIN_REQUIRED),
        ("none", {"remembered": frozenset()}, Step.REFUSE_CONSENT_REQUIRED),
        ("none", {"scopes": frozenset({"openid", "email"})}, Step.REFUSE_CONSENT_REQUIRED),
        ("none", {"remembered": frozenset(), "skip_consent": True}, Step.ISSUE),
        ("none", {"max_age": timedelta(minutes=5)}, Step.REFUSE_LOGIN_REQUIRED),
        ("none", {"max_age": timedelta(minutes=15)}, Step.ISSUE),
        ("none", {"hint_subject": "ana"}, Step.ISSUE),
        ("none", {"hint_subject": "bob"}, Step.REFUSE_LOGIN_REQUIRED),
        ("none", {**NOBODY, "hint_subject": "ana"}, Step.REFUSE_LOGIN_REQUIRED),
        # prompt=create asks whoever is here already, too, and is done once somebody came in for this very request.
        ("create", {}, Step.CREATE_ACCOUNT),
        ("create", NOBODY, Step.CREATE_ACCOUNT),
        ("create select_account", NOBODY, Step.CREATE_ACCOUNT),
        ("create", STALE, Step.CREATE_ACCOUNT),
        ("create", FRESH, Step.ISSUE),
        # prompt=login asks for the password of this very request.
        ("login", {}, Step.LOG_IN),
        ("login", NOBODY, Step.LOG_IN),
        ("login", STALE, Step.LOG_IN),
        ("login", FRESH, Step.ISSUE),
        ("login", {"created_at": ago(minutes=1), "auth_time": ago(minutes=1)}, Step.ISSUE),
        ("login consent", FRESH, Step.CONSENT),
        # prompt=consent asks, whatever is remembered.
        ("consent", {}, Step.CONSENT),
        ("consent", {"decided": OPENID}, Step.ISSUE),
        ("consent", {"skip_consent": True}, Step.ISSUE),
        ("consent", NOBODY, Step.LOG_IN),
        # prompt=select_account offers a choice, once.
        ("select_account", {}, Step.CHOOSE_ACCOUNT),
        ("select_account", NOBODY, Step.CHOOSE_ACCOUNT),
        ("select_account", STALE, Step.CHOOSE_ACCOUNT),
        ("select_account", FRESH, Step.ISSUE),
        ("select_account", {**STALE, "account_chosen": True}, Step.ISSUE),
        ("select_account login", {}, Step.CHOOSE_ACCOUNT),
        ("select_account", {**NOBODY, "account_chosen": True}, Step.LOG_IN),
        ("select_account", {**STALE, "account_chosen": True, "max_age": timedelta(minutes=5)}, Step.LOG_IN),
        ("select_account login", {**STALE, "account_chosen": True}, Step.LOG_IN),
        # max_age counts from the sign-in; zero always asks, once.
        ("", {"max_age": timedelta(minutes=10)}, Step.ISSUE),
        ("", {"max_age": timedelta(minutes=10) - timedelta(microseconds=1)}, Step.LOG_IN),
        ("", {"max_age": timedelta(0)}, Step.LOG_IN),
        ("", {"max_age": timedelta(0), **STALE}, Step.LOG_IN),
        ("", {"max_age": timedelta(0), **FRESH}, Step.ISSUE),
        ("", {"max_age": timedelta(seconds=1), "created_at": ago(hours=1), "auth_time": ago(minutes=59)}, Step.LOG_IN),
        ("", {"max_age": timedelta(hours=2), "created_at": ago(hours=1), "auth_time": ago(minutes=59)}, Step.ISSUE),
        ("", {"max_age": timedelta(seconds=9999999999)}, Step.ISSUE),
        # Another person's hint: sign in as that person, or get nothing.
        ("", {"hint_subject": "bob"}, Step.LOG_IN),
        ("", {"hint_subject": "bob", **STALE}, Step.LOG_IN),
        ("", {"hint_subject": "bob", **FRESH}, Step.REFUSE_LOGIN_REQUIRED),
        ("", {"hint_subject": "ana", **FRESH}, Step.ISSUE),
        # Whom the claims parameter names.
        ("", {"meant": frozenset({"ana"})}, Step.ISSUE),
        ("", {"meant": frozenset({"ana", "bob"})}, Step.ISSUE),
        ("", {"meant": frozenset({"bob"})}, Step.LOG_IN),
        ("", {"meant": frozenset({"bob"}), **FRESH}, Step.REFUSE_LOGIN_REQUIRED),
        ("none", {"meant": frozenset({"bob"})}, Step.REFUSE_LOGIN_REQUIRED),
        ("", {"meant": frozenset()}, Step.LOG_IN),
        # Which level is asked for: what nobody reaches is refused before anybody signs in for nothing.
        ("", {"acr": "1", "acr_request": AcrRequest(("1",))}, Step.ISSUE),
        ("", {"acr": "1", "acr_request": AcrRequest(("9", "1"), is_essential=True)}, Step.ISSUE),
        ("", {"acr": "1", "acr_request": AcrRequest(("9",))}, Step.ISSUE),
        ("", {"acr": "1", "acr_request": AcrRequest(("9",), is_essential=True)}, Step.REFUSE_UNMET),
        ("", {**NOBODY, "acr_request": AcrRequest(("9",), is_essential=True)}, Step.REFUSE_UNMET),
        ("none", {"acr": "1", "acr_request": AcrRequest(("9",), is_essential=True)}, Step.REFUSE_UNMET),
        # A session below what can be reached is raised; nobody sets anything up for what the client can do without.
        ("", {"acr": "1", "acr_request": AcrRequest(("2",), is_essential=True)}, Step.STEP_UP),
        ("", {"acr": "1", "acr_request": AcrRequest(("2",))}, Step.STEP_UP),
        ("none", {"acr": "1", "acr_request": AcrRequest(("2",), is_essential=True)}, Step.REFUSE_LOGIN_REQUIRED),
        ("none", {"acr": "1", "acr_request": AcrRequest(("2",))}, Step.ISSUE),
        ("", {"acr": "1", "acr_request": AcrRequest(("2",), is_essential=True), **FRESH}, Step.STEP_UP),
        ("", {"acr_request": AcrRequest(("2",), is_essential=True), "own_levels": ("1",)}, Step.REFUSE_UNMET),
        ("", {**NOBODY, "acr_request": AcrRequest(("2",), is_essential=True), "levels": ("1",)}, Step.REFUSE_UNMET),
        ("", {"acr": "1", **NEEDS_PASSKEY}, Step.ADD_PASSKEY),
        ("", {"acr": "2", **NEEDS_PASSKEY}, Step.ADD_PASSKEY),
        ("", {"acr": "phr", **NEEDS_PASSKEY}, Step.ISSUE),
        ("", {"acr": "1", **NEEDS_PASSKEY, "own_levels": ("1", "2", "phr")}, Step.STEP_UP),
        ("", {"acr": "1", **NEEDS_PASSKEY, "acr_request": AcrRequest(("phr",))}, Step.ISSUE),
        ("", {"acr": "1", **NEEDS_PASSKEY, "may_add_passkey": False}, Step.REFUSE_UNMET),
        ("", {"acr": "1", **NEEDS_PASSKEY, "denied": True}, Step.REFUSE_UNMET),
        ("", {"acr": "phr", **NEEDS_PASSKEY, "denied": True}, Step.REFUSE_DENIED),
        ("none", {"acr": "1", **NEEDS_PASSKEY}, Step.REFUSE_LOGIN_REQUIRED),
        ("", {"acr": "1", "is_too_weak": True}, Step.STEP_UP),
        ("none", {"acr": "1", "is_too_weak": True}, Step.REFUSE_LOGIN_REQUIRED),
        ("login", {"acr": "1", "is_too_weak": True}, Step.LOG_IN),
        ("", {"acr": "1", "acr_request": AcrRequest(("2",)), "own_levels": ("1",)}, Step.ISSUE),
        # What was decided within this request.
        ("", {"remembered": frozenset(), "decided": OPENID}, Step.ISSUE),
        ("", {"remembered": frozenset(), "decided": frozenset()}, Step.REFUSE_DENIED),
        ("", {"remembered": frozenset(), "decided": frozenset({"email"})}, Step.REFUSE_DENIED),
        ("", {"denied": True}, Step.REFUSE_DENIED),
        ("", {"denied": True, "skip_consent": True}, Step.REFUSE_DENIED),
        ("", {**NOBODY, "denied": True}, Step.REFUSE_DENIED),
    ],
)
def test_next_step(prompt, facts, expected):
    assert step(prompt, **facts) is expected


def test_A19_the_old_session_never_satisfies_prompt_login():
    assert step("login", created_at=None, auth_time=NOW) is Step.LOG_IN
    assert step("login", created_at=NOW, auth_time=ago(microseconds=1)) is Step.LOG_IN


@pytest.mark.parametrize(
    ("prompt", "facts", "expected"),
    [
        ("consent", {"decided": OFFLINE}, ("openid", "offline_access")),
        ("", {"remembered": OFFLINE}, ("openid", "offline_access")),
        ("", {"skip_consent": True}, ("openid", "offline_access")),
        ("none", {"remembered": OFFLINE}, ("openid", "offline_access")),
        ("", {}, ("openid",)),
        ("none", {}, ("openid",)),
        ("login", FRESH, ("openid",)),
        ("consent", {"decided": OPENID}, ("openid",)),
        ("consent", {"decided": OFFLINE, "may_refresh": False}, ("openid",)),
        ("", {"skip_consent": True, "may_refresh": False}, ("openid",)),
    ],
)
def test_A38_offline_access_takes_a_consent_to_it(prompt, facts, expected):
    facts = {"scopes": OFFLINE, "may_refresh": True, **facts}
    assert next_step(situation(prompt, **facts), NOW) == Decision(Step.ISSUE, expected)


def test_A38_the_consent_page_is_told_of_offline_access_only_where_it_may_be_given():
    asked = next_step(situation("consent", scopes=OFFLINE, may_refresh=True), NOW)
    assert asked == Decision(Step.CONSENT, ("openid", "offline_access"))
    asked = next_step(situation(scopes=OFFLINE, may_refresh=True, remembered=frozenset()), NOW)
    assert asked == Decision(Step.CONSENT, ("openid",))


def test_A31_only_what_was_allowed_is_issued():
    wide = frozenset({"openid", "email", "profile"})
    decision = next_step(situation(scopes=wide, decided=frozenset({"openid", "email", "phone"})), NOW)
    assert decision == Decision(Step.ISSUE, ("openid", "email"))


EVERYTHING = [
    situation(prompt, **{**who, **hint, **age, **consent, "skip_consent": skip, "denied": denied})
    for prompt, who, hint, age, consent, skip, denied in itertools.product(
        ["", "none", "login", "consent", "select_account", "login consent select_account"],
        [{}, NOBODY, FRESH, STALE],
        [{}, {"hint_subject": "ana"}, {"hint_subject": "bob"}],
        [{}, {"max_age": timedelta(0)}, {"max_age": timedelta(minutes=5)}, {"max_age": timedelta(hours=1)}],
        [{}, {"remembered": frozenset()}, {"decided": OPENID}, {"decided": frozenset()}],
        [False, True],
        [False, True],
    )
]


def test_the_table_holds_for_every_combination():
    for facts in EVERYTHING:
        decision = next_step(facts, NOW)
        none = Prompt.NONE in facts.prompts
        assert not (none and decision.step in (Step.LOG_IN, Step.CONSENT, Step.CHOOSE_ACCOUNT)), facts
        assert (decision.step is Step.REFUSE_CONSENT_REQUIRED) <= none
        if facts.denied:
            assert decision.step is Step.REFUSE_DENIED
        if decision.step is Step.ISSUE:
            assert facts.subject == "ana"
            assert facts.hint_subject in (None, "ana")
            assert facts.is_fresh or Prompt.LOGIN not in facts.prompts
            assert facts.is_fresh or Prompt.SELECT_ACCOUNT not in facts.prompts
            assert facts.max_age is None or NOW - facts.auth_time <= facts.max_age or facts.is_fresh
            assert (
                facts.skip_consent
                or facts.decided == OPENID
                or (facts.remembered >= OPENID and Prompt.CONSENT not in facts.prompts)
            )
            assert set(decision.scopes) <= facts.scopes


def test_refusals_have_their_errors():
    assert isinstance(refusal(Step.REFUSE_LOGIN_REQUIRED), LoginRequired)
    assert isinstance(refusal(Step.REFUSE_CONSENT_REQUIRED), ConsentRequired)
    assert isinstance(refusal(Step.REFUSE_DENIED), AccessDenied)
    for other in Step:
        if not other.is_refusal:
            with pytest.raises(ValueError, match="no refusal"):
                refusal(other)
