"""Single claims, asked for by the `claims` parameter (OpenID Connect Core section 5.5; security.md row A36)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from idp.cache import bump
from idp.clients.models import ClientRow
from idp.db import transaction
from tests.factories import ALL_CLAIMS
from tests.relying_party import text_of

NARROW = "openid"


def claims(userinfo=None, id_token=None):
    members = {"userinfo": userinfo, "id_token": id_token}
    return json.dumps({name: value for name, value in members.items() if value is not None})


@pytest.fixture
def person(idp):
    return idp.person(claims=ALL_CLAIMS, in_groups=("Staff",))


@pytest.fixture
def rp(idp):
    """A client that may ask for everything, and asks for openid alone unless told otherwise."""
    party = idp.party(
        scope="openid profile email address phone groups offline_access",
        grant_types=["authorization_code", "refresh_token"],
        id_token_profile_claims=False,
    )
    party.scope = NARROW
    return party


@pytest.fixture
def asking(idp):
    """The same, of a client whose people are asked."""
    party = idp.party(scope="openid profile email phone", skip_consent=False, id_token_profile_claims=False)
    party.scope = NARROW
    return party


def test_a_claim_is_told_where_it_was_asked_for(rp, browser):
    done = rp.flow(browser, claims=claims({"email": None, "name": {"essential": True}}, {"locale": None}))
    assert done.id_claims["locale"] == "en-GB"
    assert not {"email", "name"} & set(done.id_claims)
    told = rp.userinfo(done.access).json
    assert set(told) == {"sub", "email", "name"}


def test_claims_come_beside_those_of_the_scopes(rp, browser):
    given = claims({"email": None}, {"phone_number": None, "email": None})
    done = rp.flow(browser, scope="openid profile", claims=given)
    assert {"phone_number", "email"} <= set(done.id_claims)
    assert "name" not in done.id_claims
    told = rp.userinfo(done.access).json
    assert {"email", "name", "nickname"} <= set(told)
    assert not {"email_verified", "phone_number"} & set(told)


def test_groups_are_told_alone_too(rp, browser):
    done = rp.flow(browser, claims=claims({"groups": None}, {"groups": None}))
    assert done.id_claims["groups"] == ["Staff"]
    assert rp.userinfo(done.access).json["groups"] == ["Staff"]
    assert "groups" not in done.back.access_claims


@pytest.mark.parametrize(
    "given",
    [
        "{}",
        claims({}, {}),
        claims({"unheard_of": {"essential": True}}, {"http://claims.example/x#y": None}),
        '{"somewhere":{"email":null}}',
        claims(None, {"auth_time": {"essential": True}, "acr": None, "sub": None, "nonce": None}),
    ],
)
def test_what_is_unknown_or_told_anyway_changes_nothing(rp, browser, given):
    plain, done = rp.flow(browser), rp.flow(browser, claims=given)
    assert set(done.id_claims) == set(plain.id_claims)
    assert rp.userinfo(done.access).json == rp.userinfo(plain.access).json


def test_a_value_that_is_asked_for_is_no_reason_to_tell_another_than_the_true_one(rp, browser, person):
    done = rp.flow(browser, claims=claims({"email": {"value": "somebody@else.example"}}))
    assert rp.userinfo(done.access).json["email"] == person.email


def test_what_has_no_value_is_left_out(idp, rp):
    done = rp.flow(idp.browser(idp.person()), claims=claims({"birthdate": {"essential": True}}))
    assert "birthdate" not in rp.userinfo(done.access).json


def test_a_client_gets_no_claim_of_a_scope_that_is_not_its_own(idp, browser):
    party = idp.party(scope="openid profile")
    done = party.flow(browser, claims=claims({"email": None, "groups": None}, {"email": {"essential": True}}))
    assert not {"email", "groups"} & {*done.id_claims, *party.userinfo(done.access).json}


def test_a_refreshed_id_token_tells_the_same(rp, browser):
    given = claims({"email": None}, {"name": None})
    done = rp.flow(browser, scope="openid offline_access", prompt="consent", claims=given)
    fresh = rp.verified(rp.refresh(done.back.refresh))
    assert fresh.id_claims["name"] == done.id_claims["name"] == "Ana Ruiz"
    assert "email" in rp.userinfo(fresh.access).json


def test_T18_a_narrower_token_tells_no_claim_of_the_scope_it_lost(rp, browser):
    given = claims({"name": None}, {"name": None})
    done = rp.flow(browser, scope="openid profile offline_access", prompt="consent", claims=given)
    narrow = rp.verified(rp.refresh(done.back.refresh, scope="openid"))
    assert "name" not in narrow.id_claims
    assert "name" not in rp.userinfo(narrow.access).json


def test_a_claim_ends_when_its_scope_is_taken_from_the_client(idp, rp, browser):
    done = rp.flow(browser, claims=claims({"email": None, "name": None}))
    assert {"email", "name"} <= set(rp.userinfo(done.access).json)
    with idp.app.app_context(), transaction() as session:
        row = session.get(ClientRow, rp.client_id)
        row.metadata_json = {**row.metadata_json, "scope": "openid profile"}
        session.flush()
        bump(session)
    told = rp.userinfo(done.access).json
    assert "name" in told
    assert "email" not in told


# Consent


def allow(idp, browser, party, response, answer="allow"):
    page = browser("GET", response.location)
    form = {**idp.form_of(page), "decision": answer}
    return page, browser("GET", browser("POST", response.location, form).location)


def test_the_person_reads_which_claims_are_asked_for_and_with_which_values(idp, asking, browser, person):
    given = claims({"email": None}, {"phone_number": {"essential": True}, "zoneinfo": None})
    page, answer = allow(idp, browser, asking, asking.start(browser, claims=given))
    text = text_of(page.text)
    for words in ("See your email address", person.email, "See your phone number", "+34 555 0100", "Europe/Madrid"):
        assert words in text
    assert "time zone" in text
    done = asking.finish(answer)
    assert done.id_claims["phone_number"] == "+34 555 0100"
    assert asking.userinfo(done.access).json["email"] == person.email


def test_a_refused_claim_gives_no_code(idp, asking, browser):
    _, answer = allow(idp, browser, asking, asking.start(browser, claims=claims({"email": None})), "deny")
    assert asking.answer(answer)["error"] == "access_denied"


def test_a_claim_is_remembered_and_another_is_asked_for(idp, asking, browser):
    given = claims({"email": None})
    allow(idp, browser, asking, asking.start(browser, claims=given))
    assert asking.flow(browser, claims=given).access
    assert asking.flow(browser, prompt="none", claims=given).access
    more = claims({"email": None}, {"phone_number": None})
    assert asking.answer(asking.start(browser, prompt="none", claims=more))["error"] == "consent_required"
    page, _ = allow(idp, browser, asking, asking.start(browser, claims=more))
    assert "phone number" in text_of(page.text)
    # The scope says more than the claim that was allowed.
    assert asking.answer(asking.start(browser, prompt="none", scope="openid email"))["error"] == "consent_required"


def test_whoever_allowed_a_scope_has_allowed_its_claims(idp, asking, browser):
    allow(idp, browser, asking, asking.start(browser, scope="openid email"))
    done = asking.flow(browser, prompt="none", claims=claims({"email": None}))
    assert "email" in asking.userinfo(done.access).json


def test_what_was_allowed_alone_can_be_seen_and_taken_back(idp, asking, browser):
    allow(idp, browser, asking, asking.start(browser, claims=claims({"email": None})))
    assert "see your email address" in text_of(browser("GET", "/account/connected").text).lower()


# Whom the request means (Core section 3.1.2.2)


@pytest.mark.parametrize("member", ["id_token", "userinfo"])
def test_A36_the_person_that_is_meant_gets_a_code(rp, browser, person, member):
    for wanted in ({"value": person.id}, {"values": ["somebody", person.id]}, {"essential": True}):
        done = rp.flow(browser, prompt="none", claims=json.dumps({member: {"sub": wanted}}))
        assert done.id_claims["sub"] == person.id


@pytest.mark.parametrize("member", ["id_token", "userinfo"])
def test_A36_anybody_else_gets_none(idp, rp, browser, member):
    other = idp.person()
    for wanted in ({"value": other.id}, {"values": ["somebody", other.id]}, {"value": "nobody"}):
        given = json.dumps({member: {"sub": wanted}})
        assert rp.answer(rp.start(browser, prompt="none", claims=given))["error"] == "login_required"
        response = rp.start(browser, claims=given)
        assert response.location.startswith("/login?interaction=")


def test_A36_signing_in_as_somebody_else_still_gives_no_code(idp, rp, browser, person):
    given = claims(None, {"sub": {"value": idp.person().id}})
    waiting = rp.start(browser, claims=given).location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    assert rp.answer(browser("GET", f"/oauth/authorize/{waiting}"))["error"] == "login_required"


def test_A36_signing_in_as_the_one_who_is_meant_gives_a_code(idp, rp, browser):
    other = idp.person()
    waiting = rp.start(browser, claims=claims(None, {"sub": {"value": other.id}})).location.partition("interaction=")[2]
    idp.sign_in(browser, other)
    assert rp.finish(browser("GET", f"/oauth/authorize/{waiting}")).id_claims["sub"] == other.id


BROKEN = [
    "{",
    "[]",
    "null",
    '{"userinfo":[]}',
    '{"userinfo":{"email":true}}',
    '{"id_token":{"sub":{"value":1}}}',
    '{"userinfo":{},"userinfo":{}}',
    '{"userinfo":{"name":{"value":' + "[" * 2000 + "]" * 2000 + "}}}",
]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_A36_what_is_broken_or_deep_is_told_to_the_client(idp, rp, browser, text, method):
    if method == "GET":
        response = rp.start(browser, claims=text)
    else:
        response = idp.http()("POST", "/oauth/authorize", rp.parameters(claims=text), {})
    given = rp.answer(response)
    assert given["error"] == "invalid_request"
    assert "code" not in given


def test_A36_an_endless_one_is_refused(idp, rp):
    parameters = rp.parameters(claims=claims({"name": {"value": "x" * 17_000}}))
    assert rp.answer(idp.http()("POST", "/oauth/authorize", parameters, {}))["error"] == "invalid_request"


def test_A26_two_of_them_are_refused(rp, browser):
    pairs = [*rp.parameters().items(), ("claims", "{}"), ("claims", "{}")]
    assert rp.answer(browser("GET", f"/oauth/authorize?{urlencode(pairs)}"))["error"] == "invalid_request"


def test_a_waiting_request_keeps_what_it_asked_for(idp, rp, person):
    browser = idp.browser()
    waiting = rp.start(browser, claims=claims({"email": None})).location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    done = rp.finish(browser("GET", f"/oauth/authorize/{waiting}"))
    assert "email" in rp.userinfo(done.access).json
