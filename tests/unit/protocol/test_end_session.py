import pytest

from idp.diagnosis import reasons
from idp.protocol.end_session import HintFacts, LogoutStep, Situation, decide

BACK = "https://notes.example/bye?x=1"
HINT = HintFacts(client_id="notes", subject="ana", sid="s1")
SIGNED_IN = {"subject": "ana", "sid": "s1"}


def asked(**facts):
    return decide(Situation(**{"registered": (BACK,), **SIGNED_IN, **facts}))


def hinted(**facts):
    return asked(**{"hint": HINT, "hint_sent": True, **facts})


def test_a_verified_hint_and_a_registered_address_end_the_session_and_lead_back():
    decision = hinted(post_logout_redirect_uri=BACK, state="a b&c")
    assert (decision.step, decision.client_id, decision.reason) == (LogoutStep.SIGN_OUT, "notes", None)
    assert decision.redirect_to == f"{BACK}&state=a%20b%26c"


def test_no_state_is_invented():
    assert hinted(post_logout_redirect_uri=BACK).redirect_to == BACK


def test_a_hint_alone_ends_the_session_and_leads_nowhere():
    decision = hinted()
    assert (decision.step, decision.redirect_to, decision.link_to) == (LogoutStep.SIGN_OUT, None, None)


BAD_URIS = [
    f"{BACK}&y=2",
    "https://notes.example/bye",
    f"{BACK}#",
    "https://notes.example/bye/?x=1",
    "https://evil.example/bye?x=1",
    "http://notes.example/bye?x=1",
    "https://notes.example@evil.example/bye?x=1",
    "https://NOTES.example/bye?x=1",
    "javascript:alert(1)",
    "//evil.example",
    f"{BACK}\n",
]


@pytest.mark.parametrize("uri", BAD_URIS)
@pytest.mark.parametrize("hint", [{"hint": HINT, "hint_sent": True}, {"hint_sent": True}, {"client_id": "notes"}])
@pytest.mark.parametrize("person", [SIGNED_IN, {"subject": None, "sid": None}])
def test_O01_an_unregistered_address_is_neither_redirected_to_nor_linked(uri, hint, person):
    decision = asked(**hint, **person, post_logout_redirect_uri=uri)
    assert decision.redirect_to is None
    assert decision.link_to is None
    assert decision.reason is not None


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "http://notes.example/bye", "https://notes.example/#x"])
def test_M04_an_address_that_should_never_have_been_registered_is_not_used(uri):
    decision = hinted(post_logout_redirect_uri=uri, registered=(uri,))
    assert (decision.redirect_to, decision.link_to) == (None, None)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"state": "x"},
        {"client_id": "notes"},
        {"post_logout_redirect_uri": BACK},
        {"client_id": "notes", "post_logout_redirect_uri": BACK},
    ],
)
def test_O02_without_proof_of_the_client_the_person_is_asked_and_sent_nowhere(facts):
    decision = asked(**facts)
    assert decision.step is LogoutStep.CONFIRM
    assert decision.redirect_to is None


def test_a_client_that_is_only_named_gets_a_link_to_its_registered_address():
    assert asked(client_id="notes", post_logout_redirect_uri=BACK).link_to == BACK


def test_O03_a_hint_that_does_not_verify_proves_nothing():
    decision = asked(hint_sent=True, post_logout_redirect_uri=BACK)
    assert (decision.step, decision.redirect_to, decision.reason) == (LogoutStep.CONFIRM, None, reasons.LOGOUT_HINT)


@pytest.mark.parametrize(
    "facts",
    [
        {"client_id": "wiki"},
        {"hint": HintFacts(client_id="notes", subject="bob")},
        {"hint": HintFacts(client_id="notes", subject="bob"), "client_id": "notes"},
    ],
)
def test_O05_a_hint_of_another_client_or_person_is_no_proof(facts):
    decision = hinted(post_logout_redirect_uri=BACK, **facts)
    assert (decision.step, decision.redirect_to, decision.link_to) == (LogoutStep.CONFIRM, None, None)
    assert decision.reason is reasons.LOGOUT_HINT


def test_a_hint_of_an_earlier_session_asks_first_and_then_leads_back():
    decision = hinted(hint=HintFacts(client_id="notes", subject="ana", sid="older"), post_logout_redirect_uri=BACK)
    assert (decision.step, decision.redirect_to) == (LogoutStep.CONFIRM, BACK)
    assert hinted(hint=HintFacts(client_id="notes", subject="ana")).step is LogoutStep.SIGN_OUT


def test_with_nobody_signed_in_there_is_nothing_to_ask():
    nobody = {"subject": None, "sid": None}
    assert hinted(post_logout_redirect_uri=BACK, **nobody).redirect_to == BACK
    decision = asked(post_logout_redirect_uri=BACK, client_id="notes", **nobody)
    assert (decision.step, decision.redirect_to) == (LogoutStep.SIGNED_OUT, None)
