"""Revocation and introspection (RFC 7009, RFC 7662; security.md rows T26 to T29)."""

from __future__ import annotations

import concurrent.futures
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import transaction
from idp.tokens import purge
from idp.tokens.models import Grant, RevokedToken
from tests.relying_party import basic

INACTIVE = {"active": False}


@pytest.fixture
def offline(idp):
    return idp.offline_party()


def test_a_revocation_is_200_with_neither_body_nor_type(offline, browser):
    tokens = offline.sign_in(browser)
    for token in (tokens.access, tokens.access, tokens.refresh, tokens.refresh, "unknown", tokens.id_token):
        response = offline.revoke(token)
        assert response.status == 200
        assert response.body == b""
        assert "Content-Type" not in response.headers


def test_T27_a_revoked_access_token_is_dead_and_the_rest_lives(offline, browser):
    tokens = offline.sign_in(browser)
    assert offline.revoke(tokens.access).status == 200
    assert offline.userinfo(tokens.access).status == 401
    assert offline.introspect(tokens.access).json == INACTIVE
    assert offline.refresh(tokens.refresh).status == 200


def test_T27_a_revoked_refresh_token_ends_the_family(idp, offline, browser):
    tokens = offline.sign_in(browser)
    second = offline.refresh(tokens.refresh).json
    assert offline.revoke(second["refresh_token"]).status == 200
    for token in (tokens.refresh, second["refresh_token"]):
        assert offline.refresh(token).json["error"] == "invalid_grant"
    for token in (tokens.access, second["access_token"]):
        assert offline.userinfo(token).status == 401
    events = idp.rows(select(AuditEvent.type).where(AuditEvent.type == "token.revoked"))
    assert len(events) == 1


def test_T27_what_is_given_back_again_and_again_is_written_down_once(idp, offline, browser):
    tokens = offline.sign_in(browser)
    for token in (tokens.access, tokens.refresh):
        for _ in range(3):
            assert offline.revoke(token).status == 200
    events = idp.rows(select(AuditEvent.detail).where(AuditEvent.type == "token.revoked").order_by(AuditEvent.row))
    assert [detail["token_type"] for (detail,) in events] == ["access_token", "refresh_token"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_T27_a_wrong_hint_changes_nothing(offline, browser, hint):
    tokens = offline.sign_in(browser)
    extra, headers = offline.credentials()
    form = [("token", tokens.refresh), ("token_type_hint", hint), *extra]
    assert offline.http("POST", "/oauth/revoke", form, headers).status == 200
    assert offline.refresh(tokens.refresh).status == 400


def test_T27_a_strangers_revocation_has_no_effect(idp, offline, browser):
    tokens, stranger = offline.sign_in(browser), idp.party()
    for token in (tokens.access, tokens.refresh):
        assert stranger.revoke(token).status == 200
    assert offline.userinfo(tokens.access).status == 200
    assert offline.refresh(tokens.refresh).status == 200


def test_T27_revocation_needs_the_client(offline, browser):
    tokens = offline.sign_in(browser)
    for form, headers in (
        ([("token", tokens.refresh)], {}),
        ([("token", tokens.refresh), ("client_id", offline.client_id)], {}),
        ([("token", tokens.refresh)], {"Authorization": basic(offline.client_id, "wrong")}),
    ):
        response = offline.http("POST", "/oauth/revoke", form, headers)
        assert (response.status, response.json["error"]) == (401, "invalid_client")
    assert offline.http("POST", "/oauth/revoke", [], offline.credentials()[1]).json["error"] == "invalid_request"
    assert offline.http("GET", "/oauth/revoke", None, {}).status == 405
    assert offline.refresh(tokens.refresh).status == 200


def test_T27_a_public_client_revokes_by_its_name_alone(idp, browser):
    party = idp.public_party()
    tokens = party.sign_in(browser)
    assert party.revoke(tokens.access).status == 200
    assert party.userinfo(tokens.access).status == 401


def test_T27_a_refresh_at_the_same_time_leaves_no_child(offline, browser):
    for _ in range(5):
        token = offline.sign_in(browser).refresh
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            refreshing = pool.submit(offline.refresh, token)
            revoking = pool.submit(offline.revoke, token)
            assert revoking.result().status == 200
            answer = refreshing.result()
        if answer.status == 200:
            assert offline.refresh(answer.json["refresh_token"]).status == 400
            assert offline.userinfo(answer.json["access_token"]).status == 401


def test_introspection_tells_a_client_of_its_own_tokens(idp, offline, browser, person):
    tokens = offline.sign_in(browser)
    found = offline.introspect(tokens.access).json
    assert found["active"] is True
    assert found["sub"] == person.id
    assert found["username"] == person.username
    assert found["client_id"] == offline.client_id
    assert found["iss"] == idp.issuer
    assert found["scope"] == tokens.raw["scope"]
    assert found["token_type"] == "Bearer"
    assert found["exp"] == tokens.access_claims["exp"]
    assert found["aud"]
    of_refresh = offline.introspect(tokens.refresh).json
    assert of_refresh["active"] is True
    assert of_refresh["sub"] == person.id


def test_T26_a_foreign_token_is_inactive_but_for_its_resource_server(idp, browser):
    party = idp.party(resources=["https://api.example", "https://other.example"])
    token = party.sign_in(browser, resource="https://api.example").access
    plain = idp.party(resources=["https://api.example"])
    wrong = idp.party(resource_server=True, resources=["https://other.example"])
    right = idp.party(resource_server=True, resources=["https://api.example"])
    assert plain.introspect(token).json == INACTIVE
    assert wrong.introspect(token).json == INACTIVE
    assert right.introspect(token).json["active"] is True
    for_issuer = party.sign_in(browser).access
    assert wrong.introspect(for_issuer).json["active"] is True
    assert plain.introspect(for_issuer).json == INACTIVE


def test_T26_an_audience_is_never_empty(idp, browser):
    assert idp.party().sign_in(browser).access_claims["aud"]


def test_T28_introspection_needs_a_client_with_a_secret(idp, offline, browser):
    tokens = offline.sign_in(browser)
    form = [("token", tokens.access)]
    public = idp.public_party()
    for given, headers in (
        (form, {}),
        ([*form, ("client_id", offline.client_id)], {}),
        ([*form, ("client_id", public.client_id)], {}),
        (form, {"Authorization": basic(offline.client_id, "wrong")}),
        (form, {"Authorization": f"Bearer {tokens.access}"}),
    ):
        response = offline.http("POST", "/oauth/introspect", given, headers)
        assert (response.status, response.json["error"]) == (401, "invalid_client")


def test_T28_forged_and_dead_tokens_are_inactive(offline, browser, forgeries):
    tokens = offline.sign_in(browser)
    old = tokens.refresh
    offline.refresh(old)
    for value in [*forgeries(tokens.access), tokens.id_token, old, "x", "idpr_x"]:
        assert offline.introspect(value).json == INACTIVE
    offline.revoke(tokens.access)
    assert offline.introspect(tokens.access).json == INACTIVE


def test_T29_an_altered_access_token_is_dead(party, browser):
    token = party.sign_in(browser).access
    for value in (
        token[:-1],
        token + "A",
        token[1:],
        token.replace(".", "..", 1),
        token + ".",
        token.rstrip("=") + "=",
    ):
        assert party.userinfo(value).status == 401
        assert party.introspect(value).json == INACTIVE
    assert party.userinfo(token).status == 200


def test_what_was_revoked_is_forgotten_once_it_has_run_out(idp, offline, browser):
    tokens = offline.sign_in(browser)
    offline.revoke(tokens.access)
    assert len(idp.rows(select(RevokedToken.jti))) == 1
    with idp.app.app_context():
        with transaction() as session:
            assert purge.purge(session, clock.utc_now()) == 0
        with transaction() as session:
            purge.purge(session, clock.utc_now() + timedelta(days=91))
    assert idp.rows(select(RevokedToken.jti)) == []
    assert idp.rows(select(Grant.id)) == []
