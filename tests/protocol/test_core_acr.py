"""How strong a sign-in a request asks for (OpenID Connect Core sections 3.1.2.1 and 5.5.1.1; security.md row A37)."""

from __future__ import annotations

import json

import pytest

from tests import factories, passkeys
from tests.authenticator import Authenticator
from tests.protocol import flows
from tests.visitor import forms_of


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
@pytest.mark.parametrize("values", [["9"], ["3", "urn:mace:incommon:iap:silver"], ["01"], [" 1"]])
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


def raised(browser, answer, seed):
    """Go from the answer of the authorization endpoint through the second step; return where that leads."""
    while answer.location:
        answer = browser("GET", answer.location)
    form = forms_of(answer.text)[0]
    return browser("POST", form.action, {**form.values, "code": factories.totp_code(seed)})


@pytest.mark.parametrize("prompt", [None, "consent"])
def test_L16_a_level_is_reached_by_the_second_factor_alone_and_told_in_every_token(idp, prompt):
    party, person = idp.offline_party(skip_consent=True), idp.person()
    browser, seed = idp.browser(person), factories.give_totp(idp.app, person.id)
    silent = party.answer(party.start(browser, claims=wants("2"), prompt="none"))
    assert silent["error"] == "login_required"
    # It is no obstacle where it is not essential and nobody may be asked.
    assert party.flow(browser, acr_values="2", prompt="none").id_claims["acr"] == "1"

    answer = raised(browser, party.start(browser, claims=wants("2"), prompt=prompt), seed)
    assert answer.location.startswith("/oauth/authorize/")

    done = party.flow(browser, claims=wants("2"), scope="openid offline_access", prompt="none")
    for claims in (done.id_claims, done.back.access_claims):
        assert (claims["acr"], claims["amr"]) == ("2", ["pwd", "otp", "mfa"])
    renewed = party.verified(party.refresh(done.back.refresh)).access_claims
    assert (renewed["acr"], renewed["amr"]) == ("2", ["pwd", "otp", "mfa"])


def test_what_is_not_essential_makes_nobody_set_a_second_factor_up(idp, party, browser):
    assert party.flow(browser, acr_values="2").id_claims["acr"] == "1"
    where = browser("GET", party.start(browser, claims=wants("2")).location)
    assert where.location.startswith("/login/enrol?")


def test_every_level_that_is_advertised_is_reached(idp, party):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert document["acr_values_supported"] == ["1", "2", "phr"]
    person = idp.person()
    browser, seed = idp.browser(person), factories.give_totp(idp.app, person.id)
    assert party.flow(browser, claims=wants("1")).id_claims["acr"] == "1"
    raised(browser, party.start(browser, claims=wants("2")), seed)
    assert party.flow(browser, claims=wants("2")).id_claims["acr"] == "2"
    device = passkeys.give(idp.app, person.id)
    # For what the app can do without, nobody has to find it.
    assert party.flow(browser, acr_values="phr").id_claims["acr"] == "2"
    raised_by_passkey(browser, party.start(browser, claims=wants("phr")), device)
    assert party.flow(browser, claims=wants("phr")).id_claims["acr"] == "phr"


def test_whoever_has_no_passkey_is_led_to_add_one_and_goes_on_with_what_it_proves(idp, party):
    browser, device = idp.browser(idp.person()), Authenticator()
    form = passkey_form(browser, party.start(browser, claims=wants("phr")))
    options = browser("POST", "/account/passkeys/options", {"csrf_token": form.values["csrf_token"]}).json
    done = browser("POST", form.action, {**form.values, "credential": device.create(options)})
    # Adding it proves nothing: it is asked for now.
    answer = raised_by_passkey(browser, browser("GET", done.location), device)
    party.answer(browser("GET", answer.location))
    claims = party.flow(browser, claims=wants("phr"), prompt="none").id_claims
    assert (claims["acr"], claims["amr"]) == ("phr", ["pwd", "hwk", "user", "mfa"])
    # The page is of no use to whoever has one.
    assert browser("GET", form.action).location.startswith("/oauth/authorize/")


def test_whoever_wants_no_passkey_goes_back_and_the_app_is_told(idp, party):
    browser = idp.browser(idp.person())
    page = browser("GET", party.start(browser, claims=wants("phr")).location)
    form = forms_of(page.text)[-1]
    assert "without it" in page.text
    answer = browser("GET", browser("POST", form.action, form.values).location)
    assert party.answer(answer)["error"] == "unmet_authentication_requirements"
    # Nothing was refused for good.
    passkey_form(browser, party.start(browser, claims=wants("phr")))


@pytest.mark.parametrize("has_factor", [False, True])
def test_whoever_wants_no_second_step_goes_back_and_the_app_is_told(idp, party, has_factor):
    person = idp.person()
    browser = idp.browser(person)
    if has_factor:
        factories.give_totp(idp.app, person.id)
    answer = party.start(browser, claims=wants("2"))
    while answer.location:
        answer = browser("GET", answer.location)
    form = next(form for form in forms_of(answer.text) if "decline" in form.action)
    answer = browser("GET", browser("POST", form.action, form.values).location)
    assert party.answer(answer)["error"] == "unmet_authentication_requirements"


def test_L16_nobody_adds_a_passkey_on_the_way_past_the_second_factor_they_have(idp, party):
    person, device = idp.person(), Authenticator()
    browser = idp.browser(person)
    form = passkey_form(browser, party.start(browser, claims=wants("phr")))
    options = browser("POST", "/account/passkeys/options", {"csrf_token": form.values["csrf_token"]}).json
    seed = factories.give_totp(idp.app, person.id)
    answer = browser("POST", form.action, {**form.values, "credential": device.create(options)})
    assert answer.location.startswith("/login/step-up")
    resumed = raised(browser, answer, seed)
    passkey_form(browser, browser("GET", resumed.location))


def passkey_form(browser, start):
    """Return the form in which a passkey is added on the way of the request that *start* answered."""
    page = browser("GET", start.location)
    return next(form for form in forms_of(page.text) if "credential" in form.values)


def raised_by_passkey(browser, start, device):
    """Follow a step-up, and answer with the passkey of *device*."""
    where = browser("GET", start.location).location
    form = next(form for form in forms_of(browser("GET", where).text) if "credential" in form.values)
    asked = browser("POST", where.replace("/login/verify", "/login/verify/passkey/options"), form.values)
    return browser("POST", form.action, {**form.values, "credential": device.get(asked.json)})
