"""OAuth 2.0 Multiple Response Types, and the implicit and hybrid flows of OpenID Connect Core (sections 3.2, 3.3)."""

from __future__ import annotations

import itertools
import time

import pytest
import time_machine
from sqlalchemy import select

from idp.tokens.models import Grant
from tests.protocol import flows
from tests.relying_party import answer_of, header_of, place_of


@pytest.fixture
def rp(idp, response_type, response_mode):
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type, party.response_mode = response_type, response_mode
    return party


def every_order(response_type):
    return [" ".join(words) for words in itertools.permutations(response_type.split())]


@pytest.mark.parametrize(("registered", "sent"), [(kind, order) for kind in flows.ALL for order in every_order(kind)])
def test_the_words_of_a_type_come_in_any_order(idp, browser, registered, sent):
    party = idp.party(**flows.metadata_for(registered))
    party.response_type = sent
    assert party.flow(browser).id_claims


def test_types_are_registered_in_any_order_of_words(idp, browser):
    party = idp.party(response_types=["token id_token code"], grant_types=["authorization_code", "implicit"])
    party.response_type = "id_token code token"
    assert party.flow(browser).back.id_claims


@pytest.mark.parametrize("registered", [("code",), ("id_token",), ("code", "id_token"), flows.HYBRID])
@pytest.mark.parametrize("asked", flows.ALL)
def test_A08_each_type_is_for_those_who_registered_it(idp, browser, registered, asked):
    every = [flows.metadata_for(kind)["grant_types"] for kind in registered]
    party = idp.party(response_types=list(registered), grant_types=sorted(set(itertools.chain(*every))))
    party.response_type = asked
    if asked in registered:
        assert party.flow(browser).id_claims
        return
    given = party.answer(party.start(browser))
    assert given["error"] == "unauthorized_client"
    assert not {"code", "id_token", "access_token"} & set(given)


@flows.of(*flows.IMPLICIT, *flows.HYBRID)
@pytest.mark.parametrize("mode", ["query", "query.jwt"])
def test_A09_tokens_never_go_by_query_and_the_refusal_does_not_either(rp, browser, mode):
    response = rp.start(browser, response_mode=mode)
    assert place_of(response) == "fragment"
    assert rp.answer(response)["error"] == "invalid_request"


@flows.of(*flows.IMPLICIT, *flows.HYBRID)
def test_errors_come_where_the_answer_would(rp, browser, response_mode):
    for changes in ({"scope": "nothing"}, {"prompt": "none login"}, {"max_age": "x"}, {"claims": "{"}):
        response = rp.start(browser, **changes)
        assert place_of(response) == (response_mode or "fragment")
        given = rp.answer(response)
        assert "error" in given
        assert not {"code", "id_token", "access_token"} & set(given)


@flows.of(*flows.with_token(*flows.IMPLICIT), "code token", "code id_token token")
def test_a_token_of_the_front_channel_is_an_access_token_like_any_other(rp, browser, person):
    done = rp.flow(browser)
    token = done.answer["access_token"]
    claims = rp.claims_of(token, typ="at+jwt")
    assert (claims["sub"], claims["client_id"], claims["aud"]) == (person.id, rp.client_id, rp.issuer)
    assert int(done.answer["expires_in"]) == claims["exp"] - claims["iat"]
    assert rp.userinfo(token).json["email"] == person.email
    assert rp.introspect(token).json["active"] is True
    assert rp.revoke(token).status == 200
    assert rp.userinfo(token).status == 401


@flows.of("id_token token")
def test_a_token_of_the_front_channel_runs_out(rp, browser):
    token = rp.flow(browser).answer["access_token"]
    with time_machine.travel(time.time() + 301 + 60, tick=False):
        assert rp.userinfo(token).status == 401


@flows.of(*flows.with_token(*flows.IMPLICIT), "code token", "code id_token token")
def test_a_token_of_the_front_channel_ends_with_what_the_person_allowed(idp, rp, browser, person):
    token = rp.flow(browser).answer["access_token"]
    assert idp.revoke_client_of_person(person.id, rp.client_id) == 1
    assert rp.userinfo(token).status == 401


@flows.of(*flows.IMPLICIT)
def test_a_flow_without_a_code_leaves_none_that_could_be_redeemed(idp, rp, browser):
    rp.flow(browser)
    (row,) = idp.rows(select(Grant.code_consumed_at, Grant.created_at).where(Grant.client_id == rp.client_id))
    assert row.code_consumed_at == row.created_at


@flows.of("code token", "code id_token token")
def test_both_access_tokens_of_a_hybrid_flow_work_and_differ(rp, browser):
    done = rp.flow(browser)
    assert done.answer["access_token"] != done.back.access
    assert rp.userinfo(done.answer["access_token"]).json == rp.userinfo(done.back.access).json


@flows.of(*flows.with_token(*flows.IMPLICIT), "code token", "code id_token token")
def test_a_narrowed_scope_is_told(rp, browser):
    assert rp.flow(browser, scope="openid email admin").answer["scope"] == "openid email"
    assert "scope" not in rp.flow(browser, scope="email openid").answer


@flows.of(*flows.IMPLICIT)
def test_a_refresh_token_never_comes_in_front(idp, browser, response_type, response_mode):
    metadata = flows.metadata_for(response_type)
    grants = [*metadata["grant_types"], "authorization_code", "refresh_token"]
    party = idp.party(scope="openid offline_access", response_types=[response_type, "code"], grant_types=grants)
    party.response_type, party.response_mode = response_type, response_mode
    done = party.flow(browser, prompt="consent")
    assert "refresh_token" not in done.answer
    if done.access:
        # The person allowed nothing that lasts, and the client is told.
        assert done.answer["scope"] == party.claims_of(done.access, typ="at+jwt")["scope"] == "openid"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
@pytest.mark.parametrize("response_type", ["code id_token token", "id_token token"])
def test_hashes_follow_the_algorithm_of_the_id_token(idp, browser, response_type, alg):
    idp.ensure_algorithm(alg)
    party = idp.party(id_token_signed_response_alg=alg, **flows.metadata_for(response_type))
    party.response_type = response_type
    done = party.flow(browser)
    assert header_of(done.id_token)["alg"] == alg


@pytest.mark.parametrize("response_type", flows.HYBRID)
def test_a_public_client_owes_pkce_for_every_code(idp, browser, response_type):
    party = idp.public_party(**flows.metadata_for(response_type))
    party.response_type = response_type
    given = party.answer(party.start(browser, code_challenge=None, code_challenge_method=None))
    assert given["error"] == "invalid_request"
    assert party.flow(browser).back.access


@pytest.mark.parametrize("response_type", flows.IMPLICIT)
def test_a_page_signs_in_without_code_or_secret(idp, browser, response_type):
    party = idp.public_party(**flows.metadata_for(response_type))
    party.response_type = response_type
    assert party.flow(browser, code_challenge=None, code_challenge_method=None).id_claims


@pytest.mark.parametrize("profile", [True, False])
@pytest.mark.parametrize("response_type", flows.with_id_token(*flows.ALL))
def test_an_id_token_alone_says_what_its_scopes_say(idp, browser, person, response_type, profile):
    party = idp.party(id_token_profile_claims=profile, **flows.metadata_for(response_type))
    party.response_type = response_type
    told = party.flow(browser).front
    assert (told.get("email") == person.email) == (profile or response_type == "id_token")


@pytest.mark.parametrize("response_type", ["code", "code token"])
def test_without_openid_there_is_no_id_token_at_all(idp, browser, response_type):
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type = response_type
    done = party.flow(browser, scope="email", nonce=None)
    assert done.back.id_claims is None


@pytest.mark.parametrize("response_type", flows.with_id_token(*flows.ALL))
def test_an_id_token_needs_openid(idp, browser, response_type):
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type = response_type
    assert party.answer(party.start(browser, scope="email"))["error"] == "invalid_scope"


@pytest.mark.parametrize("response_type", [*flows.IMPLICIT, *flows.HYBRID])
def test_consent_comes_before_any_token(idp, browser, response_type):
    party = idp.party(skip_consent=False, **flows.metadata_for(response_type))
    party.response_type = response_type
    response = party.start(browser)
    assert response.location.startswith("/consent?")
    page = browser("GET", response.location)
    form = {**idp.form_of(page), "decision": "deny"}
    denied = browser("GET", browser("POST", response.location, form).location)
    assert place_of(denied) == "fragment"
    assert party.answer(denied)["error"] == "access_denied"
    response = party.start(browser)
    form = {**idp.form_of(browser("GET", response.location)), "decision": "allow"}
    assert party.finish(browser("GET", browser("POST", response.location, form).location)).id_claims


@pytest.mark.parametrize("response_type", flows.IMPLICIT)
def test_an_answered_request_is_not_answered_twice(idp, person, response_type):
    party = idp.party(client_uri="https://home.example/", **flows.metadata_for(response_type))
    party.response_type = response_type
    browser = idp.browser()
    waiting = party.start(browser).location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    assert "id_token" in answer_of(browser("GET", f"/oauth/authorize/{waiting}"))
    assert browser("GET", f"/oauth/authorize/{waiting}").location == "https://home.example/"
    assert len(idp.rows(select(Grant.id).where(Grant.client_id == party.client_id))) == 1


@flows.of(*flows.IMPLICIT, *flows.HYBRID)
def test_A15_A16_state_and_nonce_come_back_byte_for_byte(rp, browser):
    for text in ("s" * 128, "n" * 384, "a b+c%20&d=e#f", "üß漢字🙂"):
        # `flow` compares both.
        assert rp.flow(browser, state=text, nonce=text).id_claims["nonce"] == text
    assert "state" not in rp.flow(browser, state=None).answer


@flows.of(*flows.IMPLICIT, *flows.HYBRID)
def test_A11_line_breaks_never_reach_a_header(rp, browser):
    for name in ("state", "nonce"):
        response = rp.start(browser, **{name: "a\r\nX-Evil: 1"})
        assert "X-Evil" not in response.headers
        assert (response.status, response.location) == (400, None)
