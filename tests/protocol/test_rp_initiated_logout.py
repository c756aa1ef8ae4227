"""OpenID Connect RP-Initiated Logout 1.0, as an independent certification run asks for it (oidc.md B.2)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from sqlalchemy import select

from idp.clock import utc_now
from idp.deliveries.models import SignOut
from idp.tokens.models import Grant
from tests.leaving import assert_signed_out, confirm, follow, is_signed_in, logout, sign_out
from tests.relying_party import text_of

AFTER = "https://after.example/bye"
STATE = "Aa0-._~" * 18 + "zz"


@pytest.fixture
def leaving(idp):
    return idp.party(post_logout_redirect_uris=[AFTER])


@pytest.fixture
def hint(leaving, browser):
    return leaving.sign_in(browser).id_token


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(idp):
    found = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert found["end_session_endpoint"] == f"{idp.issuer}/logout"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oidcc_rp_initiated_logout(leaving, browser, hint, method):
    assert len(STATE) == 128
    given = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": STATE}
    response = follow(browser, logout(browser, method, **given))
    parts = urlsplit(response.location)
    assert response.location.startswith(f"{AFTER}?")
    assert parse_qsl(parts.query) == [("state", STATE)]
    assert parts.fragment == ""
    assert leaving.answer(leaving.start(browser, prompt="none"))["error"] == "login_required"


def test_oidcc_rp_initiated_logout_no_state(leaving, browser, hint):
    response = logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert response.location == AFTER
    assert not is_signed_in(leaving, browser)


@pytest.mark.parametrize("address", ["https://after.example/other", "https://evil.example/", f"{AFTER}/"])
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(leaving, browser, hint, address):
    page = sign_out(browser, id_token_hint=hint, post_logout_redirect_uri=address, state=STATE)
    assert_signed_out(leaving, browser, page)
    assert "evil.example" not in page.text


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(leaving, browser, hint):
    page = sign_out(browser, id_token_hint=hint, post_logout_redirect_uri=f"{AFTER}?foo=bar", state=STATE)
    assert_signed_out(leaving, browser, page)


def test_oidcc_rp_initiated_logout_modified_id_token_hint(leaving, browser, hint, forgeries):
    unsigned = forgeries(hint)[0]
    assert unsigned.endswith(".")
    page = follow(browser, logout(browser, id_token_hint=unsigned, post_logout_redirect_uri=AFTER, state=STATE))
    assert is_signed_in(leaving, browser)
    assert_signed_out(leaving, browser, confirm(browser, page))


def test_oidcc_rp_initiated_logout_bad_id_token_hint(leaving, browser, hint, forgeries):
    for forged in forgeries(hint)[1:]:
        page = follow(browser, logout(browser, id_token_hint=forged, post_logout_redirect_uri=AFTER, state=STATE))
        assert 'id="logout-confirm"' in page.text
        assert page.location is None
    assert_signed_out(leaving, browser, confirm(browser, page))


def test_oidcc_rp_initiated_logout_no_id_token_hint(leaving, browser, hint):
    page = follow(browser, logout(browser, post_logout_redirect_uri=AFTER, state=STATE))
    assert 'id="logout-confirm"' in page.text
    assert_signed_out(leaving, browser, confirm(browser, page))


def test_oidcc_rp_initiated_logout_no_params(leaving, browser, hint):
    assert_signed_out(leaving, browser, sign_out(browser))


def test_oidcc_rp_initiated_logout_only_state(leaving, browser, hint):
    assert_signed_out(leaving, browser, sign_out(browser, state=STATE))


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(leaving, browser, hint):
    assert_signed_out(leaving, browser, sign_out(browser, id_token_hint=hint, state=STATE))


def test_a_hint_of_a_pairwise_client_names_the_person_as_the_client_knows_them(idp, browser, person):
    party = idp.party(post_logout_redirect_uris=[AFTER], subject_type="pairwise")
    tokens = party.sign_in(browser)
    assert tokens.id_claims["sub"] != person.id
    assert logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=AFTER).location == AFTER
    assert not is_signed_in(party, browser)


def test_the_session_takes_along_what_was_not_meant_to_outlive_it(idp, leaving, browser, hint):
    offline = idp.offline_party()
    kept = offline.sign_in(browser)
    lost = leaving.sign_in(browser)
    assert leaving.userinfo(lost.access).status == 200
    logout(browser, id_token_hint=hint)
    assert leaving.userinfo(lost.access).status == 401
    assert offline.refresh(kept.refresh).status == 200


def test_another_sessions_grants_stay(idp, leaving, browser, hint, person):
    elsewhere = leaving.sign_in(idp.browser(person))
    logout(browser, id_token_hint=hint)
    assert leaving.userinfo(elsewhere.access).status == 200
    ended = idp.rows(select(Grant.session_id).where(Grant.revoked_at.is_not(None)))
    assert elsewhere.id_claims["sid"]
    assert len(ended) == 1


# The receipt


def done(browser, hint, **given):
    response = logout(browser, id_token_hint=hint, **given)
    assert response.location.startswith("/logout/done/")
    return response.location


def test_the_receipt_says_what_became_of_each_app(idp, leaving, browser, hint):
    idp.party(client_name="Wiki", client_uri="https://wiki.example/home").sign_in(browser)
    page = browser("GET", done(browser, hint))
    said = text_of(page.text)
    assert "Wiki" in said
    assert "Can’t be told" in said
    assert 'href="https://wiki.example/home"' in page.text
    # The app that asked knows by itself.
    assert "Asked to sign you out" in said
    assert "Refresh" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_the_receipt_is_for_whoever_has_its_address_and_for_a_day(idp, leaving, browser, hint):
    address = done(browser, hint)
    token = address.rpartition("/")[2]
    assert len(token) == 43
    assert idp.http()("GET", address, None, {}).status == 200
    assert idp.http()("GET", f"/logout/done/{token[:-1]}x", None, {}).status == 404
    assert idp.http()("GET", f"/logout/done/{'x' * 5000}", None, {}).status == 404
    assert token not in str(idp.rows(select(SignOut.fingerprint, SignOut.id)))


@pytest.mark.parametrize(("hours", "status"), [(23, 200), (25, 404)])
def test_a_receipt_ends_after_a_day(browser, hint, hours, status):
    address = done(browser, hint)
    with time_machine.travel(utc_now() + timedelta(hours=hours), tick=False):
        assert browser("GET", address).status == status


def test_signing_out_twice_ends_on_the_same_words(leaving, browser, hint):
    page = follow(browser, logout(browser))
    assert_signed_out(leaving, browser, confirm(browser, page))
    assert "You are signed out" in text_of(confirm(browser, page).text)
    assert "You are signed out" in text_of(follow(browser, logout(browser)).text)
