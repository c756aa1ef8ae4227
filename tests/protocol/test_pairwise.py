"""Pairwise subjects: one person, another `sub` in each sector (OpenID Connect Core section 8.1)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine

from idp.settings import Settings


@pytest.fixture
def pairwise(idp):
    """Return a function that makes a party of pairwise subjects at a host of its own, or the one that is named."""

    def make(host=None, **metadata):
        addresses = {} if host is None else {"redirect_uris": [f"https://{host}/callback{len(metadata)}"]}
        return idp.offline_party(**{"subject_type": "pairwise", **addresses, **metadata})

    return make


def test_discovery_says_that_subjects_may_be_pairwise(idp):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert document["subject_types_supported"] == ["public", "pairwise"]


def test_a_person_is_another_one_in_each_sector(idp, pairwise, person, browser):
    first, second = pairwise("a.example").sign_in(browser), pairwise("b.example").sign_in(browser)
    public = idp.party().sign_in(browser)
    subjects = {first.id_claims["sub"], second.id_claims["sub"], public.id_claims["sub"]}
    assert len(subjects) == 3
    assert public.id_claims["sub"] == person.id
    assert all(len(subject) <= 255 and subject.isascii() for subject in subjects)
    assert person.id not in str(first.id_claims) + str(first.access_claims)


def test_clients_of_one_sector_know_a_person_by_one_subject(pairwise, browser):
    first, second = pairwise("a.example"), pairwise("a.example", client_name="Other")
    assert first.sign_in(browser).id_claims["sub"] == second.sign_in(browser).id_claims["sub"]


def test_two_people_are_two_subjects(idp, pairwise):
    party = pairwise("a.example")
    subjects = {party.sign_in(idp.browser(idp.person())).id_claims["sub"] for _ in range(3)}
    assert len(subjects) == 3


def test_every_token_and_answer_names_the_same_subject(pairwise, browser):
    party = pairwise("a.example")
    tokens = party.sign_in(browser)
    subject = tokens.id_claims["sub"]
    assert tokens.access_claims["sub"] == subject
    assert party.userinfo(tokens.access).json["sub"] == subject
    assert party.introspect(tokens.access).json["sub"] == subject
    assert party.introspect(tokens.refresh).json["sub"] == subject


def test_introspection_does_not_tell_the_name_behind_a_pairwise_subject(idp, pairwise, person, browser):
    tokens = pairwise("a.example", resources=["https://api.example"]).sign_in(browser, resource="https://api.example")
    server = idp.party(
        resource_server=True, resources=["https://api.example"], grant_types=[], redirect_uris=None, scope=""
    )
    found = server.introspect(tokens.access).json
    assert found["active"] is True
    assert found["sub"] == tokens.id_claims["sub"]
    assert "username" not in found
    assert person.username not in str(found)
    public = idp.party(resources=["https://api.example"]).sign_in(browser, resource="https://api.example")
    assert server.introspect(public.access).json["username"] == person.username


def test_the_subject_stays_through_refreshes_and_sign_ins(idp, pairwise, person):
    party = pairwise("a.example")
    first = party.sign_in(idp.browser(person))
    with time_machine.travel(time.time() + timedelta(days=1).total_seconds()):
        refreshed = party.verified(party.refresh(first.refresh))
        later = party.sign_in(idp.browser(person))
    assert refreshed.id_claims["sub"] == later.id_claims["sub"] == first.id_claims["sub"]
    assert refreshed.access_claims["sub"] == first.id_claims["sub"]


def test_the_subject_is_the_same_after_a_restart(idp, idp_over, make_app, pairwise, person):
    party = pairwise("a.example")
    first = party.sign_in(idp.browser(person)).id_claims["sub"]
    again = idp_over(make_app())
    party.http = again.http()
    assert party.sign_in(again.browser(person)).id_claims["sub"] == first


def test_every_response_type_names_it(pairwise, browser):
    subject = pairwise("a.example").sign_in(browser).id_claims["sub"]
    front = pairwise(
        "a.example",
        response_types=["code id_token token", "code"],
        grant_types=["authorization_code", "implicit", "refresh_token"],
    )
    given = front.answer(front.start(browser, response_type="code id_token token"))
    assert front.claims_of(given["id_token"], typ="JWT")["sub"] == subject
    assert front.claims_of(given["access_token"], typ="at+jwt")["sub"] == subject
    assert front.userinfo(given["access_token"]).json["sub"] == subject


def test_a_hint_names_the_person_as_the_client_knows_them(idp, pairwise, person, browser):
    party = pairwise("a.example")
    hint = party.sign_in(browser).id_token
    assert "code" in party.answer(party.start(browser, id_token_hint=hint, prompt="none"))
    stranger = idp.browser(idp.person())
    assert party.answer(party.start(stranger, id_token_hint=hint, prompt="none"))["error"] == "login_required"


def test_a_claims_request_for_a_subject_means_the_pairwise_one(pairwise, person, browser):
    party = pairwise("a.example")
    subject = party.sign_in(browser).id_claims["sub"]
    wanted = '{"id_token": {"sub": {"value": "%s"}}}'
    assert "code" in party.answer(party.start(browser, claims=wanted % subject, prompt="none"))
    given = party.answer(party.start(browser, claims=wanted % person.id, prompt="none"))
    assert given["error"] == "login_required"


def test_signing_out_by_a_hint_works(idp, pairwise, person):
    browser = idp.browser(person)
    party = pairwise("a.example", post_logout_redirect_uris=["https://a.example/bye"])
    hint = party.sign_in(browser).id_token
    answer = browser(
        "GET", f"/logout?id_token_hint={hint}&post_logout_redirect_uri=https://a.example/bye&state=s", None, {}
    )
    assert answer.status in {302, 303}, answer.text
    assert answer.location == "https://a.example/bye?state=s"
    assert party.answer(party.start(browser, prompt="none"))["error"] == "login_required"


def test_a_client_of_its_own_is_itself(idp):
    party = idp.party(
        grant_types=["client_credentials"], subject_type="pairwise", redirect_uris=None, scope="", skip_consent=None
    )
    response = party.token({"grant_type": "client_credentials"})
    assert party.claims_of(response.json["access_token"], typ="at+jwt")["sub"] == party.client_id


def test_the_subject_of_another_installation_is_another(idp, pairwise, person):
    # Nothing but the installation's own secret makes it: neither host nor person tell it.
    subject = pairwise("a.example").sign_in(idp.browser(person)).id_claims["sub"]
    assert idp.app.extensions["idp"][Settings].issuer not in subject
    assert subject.startswith("pps_")
    assert len(subject) == len("pps_") + 43
