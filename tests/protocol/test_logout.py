"""Signing out, asked for by an app (RP-Initiated Logout; oidc.md A.9; security.md rows O and L08)."""

from __future__ import annotations

import time

import pytest
import time_machine
from sqlalchemy import select

from idp.audit.models import AuditEvent
from tests.leaving import confirm, follow, is_signed_in, logout
from tests.relying_party import text_of

AFTER = "https://after.example/bye?logout=done"


@pytest.fixture
def leaving(idp):
    return idp.party(post_logout_redirect_uris=[AFTER])


@pytest.fixture
def hint(leaving, browser):
    return leaving.sign_in(browser).id_token


def test_a_proven_request_signs_out_and_leads_back(leaving, browser, hint):
    state = "s" * 128
    response = logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER, state=state)
    assert response.location == f"{AFTER}&state={state}"
    assert not is_signed_in(leaving, browser)


def test_without_state_none_is_invented(browser, hint):
    assert logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER).location == AFTER


def test_a_post_does_the_same(idp, leaving, browser, hint):
    kept = idp.http()("POST", "/logout", {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "x"}, {})
    assert kept.status == 303
    assert "Set-Cookie" not in kept.headers
    assert is_signed_in(leaving, browser)
    assert browser("GET", kept.location).location == f"{AFTER}&state=x"
    assert not is_signed_in(leaving, browser)


def test_an_expired_hint_is_fine(idp, leaving, browser, hint):
    with time_machine.travel(time.time() + 4000, tick=False):
        response = logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert response.location == AFTER


@pytest.mark.parametrize("given", [{}, {"state": "only"}, {"client_id": "{client}"}, {"id_token_hint": "{hint}"}])
def test_without_an_address_it_ends_on_the_signed_out_page(idp, leaving, browser, hint, given):
    filled = {name: value.format(client=leaving.client_id, hint=hint) for name, value in given.items()}
    page = follow(browser, logout(browser, **filled))
    if 'id="logout-confirm"' in page.text:
        page = confirm(browser, page)
    assert page.status == 200
    assert "You are signed out" in text_of(page.text)
    assert not is_signed_in(leaving, browser)


def test_without_a_session_it_says_so(idp):
    page = logout(idp.browser())
    assert page.status == 200
    assert "You are signed out" in text_of(page.text)


def test_a_client_id_alone_offers_the_way_back_as_a_link(idp, leaving, browser):
    page = follow(browser, logout(browser, client_id=leaving.client_id, post_logout_redirect_uri=AFTER, state="x"))
    done = confirm(browser, page)
    assert done.location is None
    assert 'id="logout-continue"' in done.text
    assert f'href="{AFTER}&amp;state=x"' in done.text


def test_the_sign_out_is_audited(idp, browser, hint, person, leaving):
    logout(browser, id_token_hint=hint)
    rows = idp.rows(select(AuditEvent.target_id, AuditEvent.detail).where(AuditEvent.type == "person.signed_out"))
    assert rows[0].target_id == person.id
    assert rows[0].detail["client_id"] == leaving.client_id


def test_tokens_of_an_offline_grant_outlive_the_sign_out(idp, browser):
    party = idp.offline_party(post_logout_redirect_uris=[AFTER])
    tokens = party.sign_in(browser)
    logout(browser, id_token_hint=tokens.id_token)
    assert party.refresh(tokens.refresh).status == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        AFTER + "&x=y",
        AFTER + "/",
        AFTER + "#x",
        AFTER.upper(),
        "https://after.example/bye",
        "javascript:alert(1)",
        "//after.example/bye?logout=done",
        "https://after.example@evil.example/bye?logout=done",
        "https://after.example\\@evil.example/",
    ],
)
@pytest.mark.parametrize("with_hint", ["valid", "none", "forged"])
def test_O01_only_the_registered_address_is_ever_gone_to(idp, leaving, browser, hint, uri, with_hint):
    sent = {"valid": hint, "none": None, "forged": hint[:-4] + "AAAA"}[with_hint]
    page = follow(
        browser, logout(browser, id_token_hint=sent, post_logout_redirect_uri=uri, client_id=leaving.client_id)
    )
    assert page.location is None
    if 'id="logout-confirm"' in page.text:
        page = confirm(browser, page)
        assert page.location is None
    assert 'id="logout-continue"' not in page.text
    assert "evil.example" not in page.text


def test_O02_without_proof_of_the_client_the_person_is_asked(idp, leaving, browser):
    for given in ({}, {"client_id": leaving.client_id}, {"post_logout_redirect_uri": AFTER}):
        page = follow(browser, logout(browser, **given))
        assert 'id="logout-confirm"' in page.text
        assert is_signed_in(leaving, browser)


def test_O03_a_forged_hint_ends_nothing(idp, leaving, browser, hint, forgeries):
    tokens = leaving.sign_in(browser)
    for forged in [*forgeries(hint), tokens.access, "x", ""]:
        page = follow(browser, logout(browser, id_token_hint=forged, post_logout_redirect_uri=AFTER))
        assert page.location is None
        assert 'id="logout-confirm"' in page.text
        assert is_signed_in(leaving, browser)


def test_O05_a_hint_of_another_client_is_no_proof(idp, leaving, browser):
    other = idp.party()
    hint = other.sign_in(browser).id_token
    page = follow(
        browser,
        logout(browser, id_token_hint=hint, client_id=leaving.client_id, post_logout_redirect_uri=AFTER),
    )
    assert page.location is None
    assert 'id="logout-confirm"' in page.text
    page = follow(browser, logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER))
    assert page.location is None


def test_O05_a_hint_of_another_person_is_no_proof(idp, leaving, browser):
    bobs = leaving.sign_in(idp.browser(idp.person())).id_token
    page = follow(browser, logout(browser, id_token_hint=bobs, post_logout_redirect_uri=AFTER))
    assert page.location is None
    assert 'id="logout-confirm"' in page.text
    assert is_signed_in(leaving, browser)


def test_L08_a_hint_of_an_earlier_session_asks_first(idp, leaving, person):
    old = leaving.sign_in(idp.browser(person)).id_token
    browser = idp.browser(person)
    page = follow(browser, logout(browser, id_token_hint=old, post_logout_redirect_uri=AFTER))
    assert is_signed_in(leaving, browser)
    assert confirm(browser, page).location == AFTER


def test_L08_the_confirmation_needs_its_own_token(browser, leaving):
    assert browser("POST", "/logout/confirm", {}).status in {400, 403}
    assert is_signed_in(leaving, browser)


def test_O06_nothing_sent_is_reflected_as_markup(idp, leaving, browser, hint):
    evil = '"><script>alert(1)</script>'
    for given in (
        {"state": evil},
        {"id_token_hint": evil},
        {"client_id": evil},
        {"post_logout_redirect_uri": evil},
        {"state": evil, "client_id": leaving.client_id, "post_logout_redirect_uri": AFTER},
    ):
        page = follow(browser, logout(browser, **given))
        assert "<script>alert" not in page.text
    page = confirm(
        browser,
        follow(browser, logout(browser, state=evil, client_id=leaving.client_id, post_logout_redirect_uri=AFTER)),
    )
    assert "<script>alert" not in page.text


def test_O08_after_sign_out_nothing_is_silent(idp, leaving, browser, hint):
    cookies = {cookie.key: cookie.value for cookie in browser.client._cookies.values()}
    logout(browser, id_token_hint=hint)
    assert leaving.answer(leaving.start(browser, prompt="none"))["error"] == "login_required"
    thief = idp.browser()
    for name, value in cookies.items():
        thief.client.set_cookie(name, value, domain="localhost")
    assert leaving.answer(leaving.start(thief, prompt="none"))["error"] == "login_required"


def test_another_browsers_session_stays(idp, leaving, browser, hint, person):
    other = idp.browser(person)
    logout(browser, id_token_hint=hint)
    assert is_signed_in(leaving, other)
