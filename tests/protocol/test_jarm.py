"""Signed authorization responses (JWT Secured Authorization Response Mode, JARM)."""

from __future__ import annotations

import base64
import json
import time

import pytest

from tests.protocol import flows
from tests.relying_party import answer_of, header_of, place_of

MODES = ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"]


def usual_place(response_type):
    return "query" if response_type == "code" else "fragment"


@pytest.fixture
def rp(idp, response_type, mode):
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type, party.response_mode = response_type, mode
    return party


every_flow = pytest.mark.parametrize(
    ("response_type", "mode"),
    [(kind, mode) for kind in flows.ALL for mode in MODES if kind == "code" or mode != "query.jwt"],
)


def payload_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@every_flow
def test_the_answer_is_one_signed_token(rp, browser, response_type, mode):
    response = rp.start(browser)
    named = mode.removesuffix(".jwt")
    assert place_of(response) == (usual_place(response_type) if named == "jwt" else named)
    given = answer_of(response)
    assert set(given) == {"response"}
    claims = payload_of(given["response"])
    assert claims["iss"] == rp.issuer
    assert claims["aud"] == rp.client_id
    assert time.time() < claims["exp"] <= time.time() + 600
    assert claims["state"] == rp.pending[-1].state
    assert header_of(given["response"])["alg"] == "RS256"
    assert rp.finish(response).id_claims


@every_flow
def test_refusals_are_signed_too(rp, browser, response_type, mode):
    for changes in ({"scope": "nothing"}, {"prompt": "none login"}, {"claims": "{"}):
        response = rp.start(browser, **changes)
        named = mode.removesuffix(".jwt")
        assert place_of(response) == (usual_place(response_type) if named == "jwt" else named)
        assert set(answer_of(response)) == {"response"}
        assert set(rp.answer(response)) - {"session_state"} == {"error", "error_description", "state", "iss"}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("response_type", ["code", "code id_token token"])
def test_the_algorithm_is_the_one_registered(idp, browser, response_type, alg):
    idp.ensure_algorithm(alg)
    party = idp.party(authorization_signed_response_alg=alg, **flows.metadata_for(response_type))
    party.response_type, party.response_mode = response_type, "jwt"
    response = party.start(browser)
    assert header_of(answer_of(response)["response"])["alg"] == alg
    assert party.finish(response).id_claims


def test_without_a_session_the_refusal_is_signed(idp, party):
    response = party.start(idp.browser(), response_mode="jwt", prompt="none")
    assert party.answer(response)["error"] == "login_required"


def test_no_state_sent_means_none_returned(party, browser):
    assert "state" not in party.answer(party.start(browser, response_mode="jwt", state=None))


def test_an_unproven_address_gets_nothing_signed(party, browser):
    response = party.start(browser, response_mode="jwt", redirect_uri="https://elsewhere.example/callback")
    assert (response.status, response.location) == (400, None)


def test_T20_a_signed_answer_is_no_token_of_another_kind(idp, browser):
    party = idp.party(**flows.metadata_for("code id_token token"))
    party.response_type = "code id_token token"
    signed = answer_of(party.start(browser, response_mode="jwt"))["response"]
    assert party.userinfo(signed).status == 401
    assert party.introspect(signed).json == {"active": False}
    given = party.answer(party.start(browser, id_token_hint=signed))
    assert given["error"] == "invalid_request"
