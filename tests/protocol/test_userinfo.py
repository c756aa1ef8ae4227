"""The UserInfo endpoint (OpenID Connect Core section 5.3; security.md rows T20, T26, T30)."""

from __future__ import annotations

import time

import pytest
import time_machine

SEND = {"Content-Type": "application/x-www-form-urlencoded"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def tokens(party, browser):
    return party.sign_in(browser)


@pytest.mark.parametrize("how", ["get", "post header", "post body"])
def test_userinfo_answers_each_way_of_asking(idp, party, tokens, how):
    http = idp.http()
    if how == "get":
        response = http("GET", "/oauth/userinfo", None, bearer(tokens.access))
    elif how == "post header":
        response = http("POST", "/oauth/userinfo", None, bearer(tokens.access))
    else:
        response = http("POST", "/oauth/userinfo", {"access_token": tokens.access}, {})
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json["sub"] == tokens.id_claims["sub"]


def test_a_post_with_an_empty_form_may_use_the_header(idp, tokens):
    assert idp.http()("POST", "/oauth/userinfo", {}, {**bearer(tokens.access), **SEND}).status == 200


def test_the_scheme_is_read_in_any_case(idp, tokens):
    assert idp.http()("GET", "/oauth/userinfo", None, {"Authorization": f"bearer {tokens.access}"}).status == 200


def test_what_has_no_value_is_left_out(idp):
    person = idp.person(name="", claims={"nickname": "", "website": None})
    party = idp.party()
    info = party.userinfo(party.sign_in(idp.browser(person)).access).json
    assert set(info) == {"sub", "preferred_username", "updated_at", "email", "email_verified"}


def test_an_unverified_address_is_told_as_false(idp):
    party = idp.party()
    info = party.userinfo(party.sign_in(idp.browser(idp.person(email_verified=False))).access).json
    assert info["email_verified"] is False


def test_without_a_token_there_is_a_plain_challenge(idp):
    response = idp.http()("GET", "/oauth/userinfo", None, {})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error=" not in response.headers["WWW-Authenticate"]


def dead(response):
    return response.status == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_an_expired_token_is_dead(idp, party, tokens):
    with time_machine.travel(time.time() + 280, tick=False):
        assert party.userinfo(tokens.access).status == 200
    with time_machine.travel(time.time() + 302, tick=False):
        assert dead(party.userinfo(tokens.access))


def test_T20_no_other_token_is_an_access_token(idp, browser, forgeries):
    party = idp.offline_party()
    tokens = party.sign_in(browser)
    code = party.code(browser)
    others = [tokens.id_token, tokens.refresh, code, party.client_secret, "", "x", tokens.access + "x"]
    for value in [*others, *forgeries(tokens.access)]:
        response = party.userinfo(value)
        assert response.status == 401, value
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_T20_no_other_token_is_a_refresh_token_or_a_code(idp, browser):
    party = idp.offline_party()
    tokens = party.sign_in(browser)
    for value in (tokens.access, tokens.id_token, party.code(browser), party.client_secret):
        assert party.refresh(value).json["error"] == "invalid_grant"


def test_T26_a_token_for_another_audience_is_refused(idp, browser):
    party = idp.party(resources=["https://api.example"])
    tokens = party.sign_in(browser, resource="https://api.example")
    assert dead(party.userinfo(tokens.access))


def test_T30_a_token_in_the_query_is_refused(idp, tokens):
    response = idp.http()("GET", f"/oauth/userinfo?access_token={tokens.access}", None, {})
    assert (response.status, response.json["error"]) == (400, "invalid_request")
    response = idp.http()("GET", f"/oauth/userinfo?access_token={tokens.access}", None, bearer(tokens.access))
    assert response.status == 400


def test_T30_two_tokens_are_refused(idp, tokens):
    response = idp.http()("POST", "/oauth/userinfo", {"access_token": tokens.access}, bearer(tokens.access))
    assert (response.status, response.json["error"]) == (400, "invalid_request")
    pairs = [("access_token", tokens.access), ("access_token", tokens.access)]
    assert idp.http()("POST", "/oauth/userinfo", pairs, {}).status == 400


def test_T30_claims_stay_within_the_scope(idp, browser):
    party = idp.party()
    narrow = party.sign_in(browser, scope="openid")
    assert set(party.userinfo(narrow.access).json) == {"sub"}
    mail = party.sign_in(browser, scope="openid email")
    assert set(party.userinfo(mail.access).json) == {"sub", "email", "email_verified"}


def test_T30_without_openid_nothing_is_told(party, browser):
    response = party.exchange(party.code(browser, scope="profile email"))
    assert "id_token" not in response.json
    answer = party.userinfo(response.json["access_token"])
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")


def test_T30_a_cookie_is_no_bearer(idp, browser):
    assert browser("GET", "/oauth/userinfo").status == 401
