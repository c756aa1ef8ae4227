"""The two decisions of the front channel, for whatever situation."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from idp.protocol import end_session, steps
from idp.protocol.acr import LEVELS, PASSWORD, AcrRequest
from idp.protocol.end_session import HintFacts, LogoutStep
from idp.protocol.prompts import Prompt
from idp.protocol.steps import Situation, Step, next_step

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INSTANTS = st.none() | st.integers(0, 100_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
SCOPES = st.frozensets(st.sampled_from(["openid", "email", "offline_access", "api"]))
PEOPLE = st.sampled_from([None, "ana", "bob"])
PROMPTS = st.just(frozenset({Prompt.NONE})) | st.frozensets(
    st.sampled_from([Prompt.LOGIN, Prompt.CONSENT, Prompt.SELECT_ACCOUNT, Prompt.CREATE])
)
SITUATIONS = st.builds(
    Situation,
    prompts=PROMPTS,
    max_age=st.none() | st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
    scopes=SCOPES,
    may_refresh=st.booleans(),
    skip_consent=st.booleans(),
    hint_subject=PEOPLE,
    meant=st.none() | st.frozensets(st.sampled_from(["ana", "bob"])),
    acr_request=st.builds(
        AcrRequest, st.lists(st.sampled_from(["0", "1", "2"]), max_size=2, unique=True).map(tuple), st.booleans()
    ),
    acr=st.sampled_from(["0", "1", "2"]),
    own_levels=st.sampled_from([LEVELS[:1], LEVELS[:2], LEVELS]),
    is_too_weak=st.booleans(),
    created_at=INSTANTS,
    subject=PEOPLE,
    auth_time=INSTANTS,
    remembered=SCOPES,
    decided=st.none() | SCOPES,
    denied=st.booleans(),
    account_chosen=st.booleans(),
)


@given(SITUATIONS)
def test_A17_prompt_none_never_shows_a_page(situation):
    if Prompt.NONE in situation.prompts:
        assert next_step(situation, NOW).step in (Step.ISSUE, *(step for step in Step if step.is_refusal))


@given(SITUATIONS)
def test_A18_A19_A20_A21_A31_nothing_is_issued_that_was_not_earned(situation):
    decision = next_step(situation, NOW)
    if decision.step is not Step.ISSUE:
        return
    granted = set(decision.scopes)
    assert situation.subject is not None
    assert situation.hint_subject in (None, situation.subject)
    assert situation.meant is None or situation.subject in situation.meant
    assert not situation.acr_request.is_essential or situation.acr_request.is_met(situation.acr)
    assert granted <= situation.scopes
    assert not situation.denied
    assert not situation.is_too_weak
    allowed = situation.remembered if situation.decided is None else situation.decided
    assert situation.skip_consent or granted <= allowed
    if Prompt.LOGIN in situation.prompts:
        assert situation.created_at <= situation.auth_time
    if situation.max_age is not None:
        assert NOW - situation.auth_time <= max(situation.max_age, steps.JUST_SIGNED_IN)
        assert NOW - situation.auth_time <= situation.max_age or situation.is_fresh
    if "offline_access" in granted:
        assert situation.may_refresh


@given(SITUATIONS)
def test_whoever_does_what_is_asked_gets_on(situation):
    """Signing in, proving more, choosing and allowing lead to an answer: no loop, for max_age=0 either."""
    changes = {name: getattr(situation, name) for name in Situation.__dataclass_fields__}
    changes["created_at"] = changes["created_at"] or NOW
    if changes["auth_time"] is None or changes["subject"] is None:
        changes["auth_time"] = changes["subject"] = None
    for _ in range(5):
        decision = next_step(Situation(**changes), NOW)
        if decision.step in (Step.LOG_IN, Step.CREATE_ACCOUNT):
            changes.update(subject=situation.hint_subject or "ana", auth_time=NOW, acr=PASSWORD)
        elif decision.step is Step.STEP_UP:
            changes.update(acr=changes["own_levels"][-1], is_too_weak=False)
        elif decision.step is Step.CHOOSE_ACCOUNT:
            changes.update(account_chosen=True)
        elif decision.step is Step.CONSENT:
            changes.update(decided=frozenset(decision.scopes))
        else:
            return
    raise AssertionError(changes)


URIS = st.sampled_from(
    [None, "https://rp.example/bye", "https://rp.example/bye/", "https://evil.example/", "javascript:x"]
)


@given(
    hint=st.none()
    | st.builds(
        HintFacts,
        client_id=st.sampled_from(["a", "b"]),
        subject=st.sampled_from(["ana", "bob"]),
        sid=st.sampled_from([None, "s1", "s2"]),
    ),
    hint_sent=st.booleans(),
    client_id=st.sampled_from([None, "a", "b"]),
    uri=URIS,
    subject=PEOPLE,
    sid=st.sampled_from([None, "s1"]),
    registered=st.lists(URIS.filter(bool), max_size=2).map(tuple),
)
def test_O01_O02_O03_O05_nobody_is_sent_or_signed_out_without_proof(
    hint, hint_sent, client_id, uri, subject, sid, registered
):
    situation = end_session.Situation(
        hint=hint,
        hint_sent=hint_sent or hint is not None,
        client_id=client_id,
        post_logout_redirect_uri=uri,
        registered=registered,
        subject=subject,
        sid=sid,
    )
    decision = end_session.decide(situation)
    proven = hint is not None and client_id in (None, hint.client_id) and subject in (None, hint.subject)
    if decision.step is LogoutStep.SIGN_OUT:
        assert proven
        assert subject == hint.subject
    if decision.redirect_to is not None:
        assert proven
        assert decision.redirect_to == uri
    for target in (decision.redirect_to, decision.link_to):
        assert target is None or (target in registered and target.startswith("https://"))
    assert (decision.step is LogoutStep.SIGNED_OUT) == (subject is None)
