"""How strong a sign-in a request asks for (OpenID Connect Core sections 3.1.2.1 and 5.5.1.1; security.md row A37)."""

from __future__ import annotations

import json

import pytest

from tests.protocol import flows


def wants(*values, essential=True):
    return json.dumps({"id_token": {"acr": {"essential": essential, "values": list(values)}}})


@pytest.mark.parametrize(
    ("changes", "acr"),
    [
        ({}, "1"),
        ({"acr_values": "1"}, "1"),
        ({"acr_values": "9 1"}, "1"),
        ({"acr_values": "9"}, "1"),
        ({"claims": wants("1")}, "1"),
        ({"claims": wants("9", "1")}, "1"),
        ({"claims": wants("9", essential=False)}, "1"),
        ({"claims": '{"id_token":{"acr":{"essential":true}}}'}, "1"),
        ({"claims": '{"id_token":{"acr":null}}', "acr_values": "1"}, "1"),
        # It is a claim of ID tokens.
        ({"claims": '{"userinfo":{"acr":{"essential":true,"values":["9"]}}}'}, "1"),
    ],
)
def test_the_level_of_the_sign_in_is_told(party, browser, changes, acr):
    done = party.flow(browser, **changes)
    assert [claims["acr"] for claims in done.id_tokens] == [acr]
    assert done.back.access_claims["acr"] == acr


@pytest.mark.parametrize("prompt", [None, "none", "login"])
@pytest.mark.parametrize("values", [["9"], ["2", "urn:mace:incommon:iap:silver"], ["01"], [" 1"]])
def test_A37_what_nobody_reaches_is_refused_and_never_answered_with_less(idp, party, browser, values, prompt):
    for anybody in (browser, idp.browser()):
        given = party.answer(party.start(anybody, claims=wants(*values), prompt=prompt))
        assert given["error"] == "unmet_authentication_requirements"
        assert "code" not in given


@pytest.mark.parametrize("response_type", [*flows.IMPLICIT, *flows.HYBRID])
def test_A37_in_the_front_channel_too(idp, browser, response_type):
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type = response_type
    given = party.answer(party.start(browser, claims=wants("9")))
    assert given["error"] == "unmet_authentication_requirements"
    assert not {"code", "id_token", "access_token"} & set(given)
    for claims in party.flow(browser, claims=wants("1")).id_tokens:
        assert claims["acr"] == "1"


def test_a_posted_request_is_refused_when_it_is_answered(idp, party, browser):
    kept = idp.http()("POST", "/oauth/authorize", party.parameters(claims=wants("9")), {})
    assert party.answer(browser("GET", kept.location))["error"] == "unmet_authentication_requirements"


def test_the_registered_levels_are_asked_for_where_a_request_names_none(idp, browser):
    party = idp.party(default_acr_values=["9", "1"])
    assert party.flow(browser).id_claims["acr"] == "1"


def test_every_level_that_is_advertised_is_reached(idp, party, browser):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    for level in document["acr_values_supported"]:
        assert party.flow(browser, claims=wants(level)).id_claims["acr"] == level
