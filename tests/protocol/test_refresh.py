"""Refresh tokens: rotation, families, the grace (RFC 6749 section 6, RFC 9700 section 4.14; security.md rows T)."""

from __future__ import annotations

import concurrent.futures
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.audit.log import Actor
from idp.audit.models import AuditEvent
from idp.clients import store
from idp.clients.metadata import validate
from idp.db import transaction
from idp.errors import RefreshTokenReplayed
from idp.tokens import refresh
from idp.tokens.models import Grant
from idp.vault import Secrets, Vault
from idp.web.current import service
from tests.relying_party import basic


@pytest.fixture
def offline(idp):
    return idp.offline_party()


def refused(response, error="invalid_grant", status=400):
    assert (response.status, response.json["error"]) == (status, error), response.text


def test_a_refresh_gives_new_tokens_of_the_same_sign_in(offline, browser):
    now = time.time()
    first = offline.sign_in(browser)
    with time_machine.travel(now + 5, tick=False):
        second = offline.verified(offline.refresh(first.refresh))
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert second.id_claims[name] == first.id_claims[name]
    assert second.id_claims["iat"] > first.id_claims["iat"]
    assert "nonce" not in second.id_claims
    assert second.access != first.access
    assert second.refresh != first.refresh
    assert second.access_claims["auth_time"] == first.access_claims["auth_time"]
    assert offline.userinfo(second.access).status == 200


def test_a_refresh_token_is_printable_and_hard_to_guess(offline, browser):
    token = offline.sign_in(browser).refresh
    assert token.isascii()
    assert token.isprintable()
    assert len(token) >= 43


def test_a_public_client_refreshes_too(idp, browser):
    party = idp.public_party(
        grant_types=["authorization_code", "refresh_token"], scope="openid profile email offline_access"
    )
    assert party.refresh(party.sign_in(browser).refresh).status == 200


def test_the_scope_may_be_repeated(offline, browser):
    tokens = offline.sign_in(browser)
    again = offline.refresh(tokens.refresh, scope="offline_access email profile openid")
    assert again.json["scope"] == tokens.raw["scope"]


def test_T16_reuse_after_the_grace_ends_the_family(idp, offline, browser):
    tokens = offline.sign_in(browser)
    second = offline.refresh(tokens.refresh).json
    with time_machine.travel(time.time() + 11, tick=False):
        refused(offline.refresh(tokens.refresh))
        refused(offline.refresh(second["refresh_token"]))
        assert offline.userinfo(second["access_token"]).status == 401
    events = idp.rows(select(AuditEvent.type).where(AuditEvent.target_id == offline.client_id))
    assert ("refresh_token.replayed",) in [tuple(row) for row in events]


def test_the_grace_gives_the_same_successor(idp, offline, browser):
    tokens = offline.sign_in(browser)
    second, again = offline.refresh(tokens.refresh).json, offline.refresh(tokens.refresh).json
    assert second["refresh_token"] == again["refresh_token"]
    assert second["access_token"] != again["access_token"]
    assert offline.refresh(second["refresh_token"]).status == 200
    events = idp.rows(select(AuditEvent.type).where(AuditEvent.target_id == offline.client_id))
    assert [tuple(row) for row in events] == [("refresh_token.grace_used",)]


def test_T40_the_grace_revives_no_grandparent(offline, browser):
    first = offline.sign_in(browser).refresh
    second = offline.refresh(first).json["refresh_token"]
    third = offline.refresh(second).json["refresh_token"]
    refused(offline.refresh(first))
    refused(offline.refresh(third))


def test_T40_the_grace_ends_when_the_successor_is_used(offline, browser):
    first = offline.sign_in(browser).refresh
    second = offline.refresh(first).json["refresh_token"]
    assert offline.refresh(first).json["refresh_token"] == second
    third = offline.refresh(second).json["refresh_token"]
    refused(offline.refresh(first))
    refused(offline.refresh(third))


def test_T40_the_grace_can_be_switched_off(make_app, idp_over, browser_of):
    provider = idp_over(make_app(tokens={"refresh_grace": 0}))
    party = provider.offline_party()
    tokens = party.sign_in(browser_of(provider))
    assert party.refresh(tokens.refresh).status == 200
    refused(party.refresh(tokens.refresh))


def test_T17_another_clients_try_fails_and_changes_nothing(idp, offline, browser):
    stranger, public = (
        idp.offline_party(),
        idp.public_party(grant_types=["authorization_code", "refresh_token"], scope="openid offline_access"),
    )
    tokens = offline.sign_in(browser)
    for thief in (stranger, public):
        refused(thief.refresh(tokens.refresh))
    second = offline.refresh(tokens.refresh)
    assert second.status == 200
    with time_machine.travel(time.time() + 60, tick=False):
        # Not even a rotated token lets a stranger end the family.
        refused(stranger.refresh(tokens.refresh))
        assert offline.refresh(second.json["refresh_token"]).status == 200


@pytest.mark.parametrize("scope", ["openid admin", "openid profile email offline_access groups", "admin", "phone"])
def test_T18_scope_never_widens(idp, browser, scope):
    party = idp.offline_party(scope="openid profile email offline_access groups phone")
    tokens = party.sign_in(browser, scope="openid profile email offline_access")
    refused(party.refresh(tokens.refresh, scope=scope), "invalid_scope")
    assert party.refresh(tokens.refresh).json["scope"] == "openid profile email offline_access"


def test_T18_narrowing_holds_for_userinfo_and_not_for_the_grant(offline, browser):
    tokens = offline.sign_in(browser)
    narrow = offline.verified(offline.refresh(tokens.refresh, scope="openid"))
    assert set(offline.userinfo(narrow.access).json) == {"sub"}
    assert "email" not in narrow.id_claims
    wide = offline.verified(offline.refresh(narrow.refresh))
    assert "email" in offline.userinfo(wide.access).json


def test_T18_without_openid_there_is_no_id_token(offline, browser):
    tokens = offline.sign_in(browser)
    response = offline.refresh(tokens.refresh, scope="email")
    assert "id_token" not in response.json
    assert offline.userinfo(response.json["access_token"]).status == 403


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic"}, "wrong"])
def test_T19_a_confidential_client_authenticates_to_refresh(offline, browser, headers):
    tokens = offline.sign_in(browser)
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": offline.client_id}
    sent = {"Authorization": basic(offline.client_id, "wrong")} if headers == "wrong" else headers
    refused(offline.http("POST", "/oauth/token", form, sent), "invalid_client", 401)
    assert offline.refresh(tokens.refresh).status == 200


def test_T29_only_the_whole_token_works(offline, browser):
    token = offline.sign_in(browser).refresh
    altered = [token[:n] for n in (1, 5, 20, 43, len(token) - 1)]
    altered += [token + extra for extra in ("x", "=", " ", "%00", ".", "A" * 1000)]
    altered += [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(5, len(token), 5)]
    altered += [token.swapcase(), token.removeprefix("idpr_"), token[::-1], f" {token}"]
    assert len(altered) >= 24
    for value in altered:
        refused(offline.refresh(value))
    assert offline.refresh(token).status == 200


def test_an_unused_token_ends_after_the_idle_limit(idp, offline, browser):
    tokens = offline.sign_in(browser)
    idle = idp.settings.tokens.refresh_idle.total_seconds()
    with time_machine.travel(time.time() + idle + 1, tick=False):
        refused(offline.refresh(tokens.refresh))


def test_a_family_ends_after_the_absolute_limit(idp, offline, browser):
    token = offline.sign_in(browser).refresh
    started, last = time.time(), idp.settings.tokens.refresh_max.total_seconds()
    for day in (25, 50, 75):
        with time_machine.travel(started + day * 86400, tick=False):
            token = offline.refresh(token).json["refresh_token"]
    with time_machine.travel(started + last + 5, tick=False):
        refused(offline.refresh(token))


def test_an_offline_grant_outlives_the_browser_session(offline, browser):
    tokens = offline.sign_in(browser)
    with time_machine.travel(time.time() + 10 * 86400, tick=False):
        assert offline.refresh(tokens.refresh).status == 200


def test_T37_of_twenty_refreshes_at_once_there_is_one_lineage(idp, offline, browser):
    token = offline.sign_in(browser).refresh
    for _ in range(3):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, token=token: offline.refresh(token), range(20)))
        successors = {answer.json["refresh_token"] for answer in answers if answer.status == 200}
        assert len(successors) == 1
        assert all(answer.status == 200 for answer in answers)
        token = successors.pop()
    assert len(idp.rows(select(Grant.id).where(Grant.revoked_at.is_not(None)))) == 0


def test_a_removed_consent_ends_the_family(idp, offline, browser, person):
    tokens = offline.sign_in(browser)
    idp.revoke_client_of_person(person.id, offline.client_id)
    refused(offline.refresh(tokens.refresh))
    assert offline.userinfo(tokens.access).status == 401


def change(idp, party, **metadata):
    with idp.app.app_context(), transaction() as session:
        changed = validate(store.read(session, party.client_id).metadata.as_json() | metadata)
        store.update(session, service(Vault), party.client_id, changed, clock.utc_now())


def test_what_a_client_may_not_have_any_more_is_gone_with_the_next_refresh(idp, browser):
    party = idp.offline_party(scope="openid profile groups offline_access")
    tokens = party.sign_in(browser)
    change(idp, party, scope="openid offline_access")
    refused(party.refresh(tokens.refresh, scope="groups"), "invalid_scope")
    assert party.refresh(tokens.refresh).json["scope"] == "openid offline_access"


def test_a_resource_that_was_taken_away_is_refused_at_the_next_refresh(idp, browser):
    first, second = "https://one.example", "https://two.example"
    party = idp.offline_party(resources=[first, second])
    tokens = party.sign_in(browser, resource=first)
    change(idp, party, resources=[second])
    refused(party.refresh(tokens.refresh), "invalid_target")


def test_a_grace_of_nothing_is_none_whatever_the_clocks_say(idp, offline, browser):
    # Of two requests at once, the one that read the clock first may come second.
    tokens = offline.sign_in(browser)
    now, actor = clock.utc_now(), Actor("tests")
    limits = idp.settings.tokens.model_copy(update={"refresh_grace": timedelta(0)})
    with idp.app.app_context(), transaction() as session:
        found = refresh.find(session, tokens.refresh, client_id=offline.client_id, now=now)
        refresh.rotate(session, found, secrets=service(Secrets), limits=limits, now=now, actor=actor)
        earlier = now - timedelta(milliseconds=5)
        with pytest.raises(RefreshTokenReplayed):
            refresh.rotate(session, found, secrets=service(Secrets), limits=limits, now=earlier, actor=actor)
