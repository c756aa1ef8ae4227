"""What the certification asks of the authorization endpoint and what follows, module by module (oidc.md B.1).

Each module runs for the response types that its plan has it in, and once more by form post.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from urllib.parse import urlencode

import pytest
import time_machine

from tests.factories import ALL_CLAIMS
from tests.protocol import flows
from tests.relying_party import header_of, place_of

ERROR_NAMES = {"error", "error_description", "error_uri", "state", "iss", "session_state"}
SILENT_REFUSALS = {"login_required", "interaction_required", "consent_required", "account_selection_required"}
SCOPES = {
    "profile": {
        *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile"),
        *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
    },
    "email": {"email", "email_verified"},
    "address": {"address"},
    "phone": {"phone_number", "phone_number_verified"},
}
EVERY_CLAIM = set().union(*SCOPES.values())


@pytest.fixture
def person(idp):
    return idp.person(claims=ALL_CLAIMS)


@pytest.fixture
def rp(idp, response_type, response_mode):
    """A client as the certification has it: of one response type, without claims of the profile in its ID tokens."""
    party = idp.party(
        scope="openid profile email address phone",
        require_pkce=False,
        id_token_profile_claims=False,
        **flows.metadata_for(response_type),
    )
    party.scope, party.response_type, party.response_mode = "openid", response_type, response_mode
    return party


def entropy(text):
    """Return the Shannon entropy of a text in bits, as the certification counts it."""
    counts = Counter(text)
    return -sum(count * math.log2(count / len(text)) for count in counts.values())


def told(idp, rp, done):
    """Return what the person's claims come in: userinfo, or the ID token where nothing else is given."""
    if done.access is None:
        return done.id_claims
    response = rp.userinfo(done.access)
    assert response.status == 200
    assert response.json["sub"] == done.id_claims["sub"]
    return response.json


def again(idp, rp, browser, person, **changes):
    """Do a flow that leads to the sign-in page, sign in there, and finish it."""
    response = rp.start(browser, **changes)
    assert response.location.startswith("/login?interaction="), response.location
    waiting = response.location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    return rp.finish(browser("GET", f"/oauth/authorize/{waiting}"))


@flows.of(*flows.ALL)
def test_oidcc_server(rp, browser, person):
    done = rp.flow(browser)
    for claims in done.id_tokens:
        assert claims["sub"] == person.id
        assert abs(claims["iat"] - time.time()) < 300
        assert 0 < claims["exp"] - claims["iat"] < 86400
        assert not EVERY_CLAIM & set(claims)
    for secret in (done.answer.get("code"), done.answer.get("access_token")):
        if secret:
            assert len(secret) >= 32
            assert entropy(secret) > 96
    expected = {"code", "id_token", "token"} & set(rp.response_type.split())
    names = {"token": ("access_token", "token_type", "expires_in")}
    assert set(done.answer) - {"session_state"} == {name for one in expected for name in names.get(one, (one,))} | {
        "state",
        "iss",
    }


@flows.of(*flows.ALL)
def test_oidcc_response_type_missing(rp, browser, response_mode):
    response = rp.start(browser, response_type=None, state="s" * 128)
    # Nothing says that the answer would be in the fragment.
    assert place_of(response) == (response_mode or "query")
    given = rp.answer(response)
    assert given["error"] in {"invalid_request", "unsupported_response_type"}
    assert set(given) <= ERROR_NAMES


@flows.of(*flows.ALL)
def test_oidcc_idtoken_signature(rp, browser):
    header = header_of(rp.flow(browser).id_token)
    assert header["alg"] == "RS256"
    assert header["kid"]


@flows.of(*flows.with_token(*flows.ALL))
def test_oidcc_userinfo_get(rp, browser):
    done = rp.flow(browser)
    response = rp.userinfo(done.access)
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.json == {"sub": done.id_claims["sub"]}


@flows.of(*flows.with_token(*flows.ALL))
def test_oidcc_userinfo_post_header(rp, browser):
    done = rp.flow(browser)
    response = rp.http("POST", "/oauth/userinfo", None, {"Authorization": f"Bearer {done.access}"})
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.json["sub"] == done.id_claims["sub"]


@flows.of(*flows.with_token(*flows.ALL))
def test_oidcc_userinfo_post_body(rp, browser):
    done = rp.flow(browser)
    response = rp.http("POST", "/oauth/userinfo", {"access_token": done.access}, {})
    assert response.status == 200
    assert response.json["sub"] == done.id_claims["sub"]


@flows.of("code", "code token")
def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(rp, browser):
    assert "nonce" not in rp.flow(browser, nonce=None).id_claims


@flows.of(*flows.with_id_token(*flows.ALL))
def test_oidcc_ensure_request_without_nonce_fails(rp, browser, response_mode):
    response = rp.start(browser, nonce=None)
    assert place_of(response) == (response_mode or "fragment")
    given = rp.answer(response)
    assert given["error"] == "invalid_request"
    assert set(given) <= ERROR_NAMES


def check_scope(idp, rp, browser, *scopes):
    done = rp.flow(browser, scope=" ".join(("openid", *scopes)))
    expected = set().union(*(SCOPES[scope] for scope in scopes))
    assert EVERY_CLAIM & set(told(idp, rp, done)) == expected
    if done.access is not None:
        assert not EVERY_CLAIM & set(done.id_claims)


@flows.of(*flows.ALL)
def test_oidcc_scope_profile(idp, rp, browser):
    check_scope(idp, rp, browser, "profile")


@flows.of(*flows.ALL)
def test_oidcc_scope_email(idp, rp, browser):
    check_scope(idp, rp, browser, "email")


@flows.of(*flows.ALL)
def test_oidcc_scope_address(idp, rp, browser):
    check_scope(idp, rp, browser, "address")


@flows.of(*flows.ALL)
def test_oidcc_scope_phone(idp, rp, browser):
    check_scope(idp, rp, browser, "phone")


@flows.of(*flows.ALL)
def test_oidcc_scope_all(idp, rp, browser):
    check_scope(idp, rp, browser, "profile", "email", "address", "phone")


@flows.of(*flows.ALL)
def test_oidcc_alternate_happy_flow(rp, browser):
    given = rp.parameters(
        scope="phone address email profile openid", response_type=" ".join(rp.response_type.split()[::-1])
    )
    query = dict(reversed(list(given.items())))
    assert rp.finish(browser("GET", f"/oauth/authorize?{urlencode(query)}")).id_claims


@flows.of(*flows.ALL)
def test_oidcc_display_page(rp, browser):
    assert rp.flow(browser, display="page").id_claims


@flows.of(*flows.ALL)
def test_oidcc_display_popup(rp, browser):
    assert rp.flow(browser, display="popup").id_claims


@flows.of(*flows.ALL)
def test_oidcc_ui_locales(rp, browser):
    assert rp.flow(browser, ui_locales="se tlh-x-none").id_claims


@flows.of(*flows.ALL)
def test_oidcc_claims_locales(rp, browser):
    assert rp.flow(browser, claims_locales="se").id_claims


@flows.of(*flows.ALL)
def test_oidcc_login_hint(rp, browser):
    assert rp.flow(browser, login_hint="nobody.of.this.name@elsewhere.example").id_claims


@flows.of(*flows.ALL)
def test_oidcc_prompt_login(idp, rp, browser, person):
    first = rp.flow(browser).id_claims
    with time_machine.travel(time.time() + 2, tick=False):
        second = again(idp, rp, browser, person, prompt="login").id_claims
    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"]


@flows.of(*flows.ALL)
def test_oidcc_prompt_none_not_logged_in(idp, rp, response_mode):
    response = rp.start(idp.browser(), prompt="none", state="s" * 128)
    assert place_of(response) == (response_mode or ("query" if rp.response_type == "code" else "fragment"))
    given = rp.answer(response)
    assert given["error"] in SILENT_REFUSALS
    assert set(given) <= ERROR_NAMES


@flows.of(*flows.ALL)
def test_oidcc_prompt_none_logged_in(rp, browser):
    first = rp.flow(browser).id_claims
    with time_machine.travel(time.time() + 2, tick=False):
        second = rp.flow(browser, prompt="none").id_claims
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


@flows.of(*flows.ALL)
def test_oidcc_id_token_hint(rp, browser):
    first = rp.flow(browser)
    second = rp.flow(browser, prompt="none", id_token_hint=first.id_token).id_claims
    assert (second["sub"], second["auth_time"]) == (first.id_claims["sub"], first.id_claims["auth_time"])


@flows.of(*flows.ALL)
def test_oidcc_max_age_1(idp, rp, browser, person):
    first = rp.flow(browser).id_claims
    with time_machine.travel(time.time() + 2, tick=False):
        second = again(idp, rp, browser, person, max_age="1").id_claims
        assert time.time() - second["auth_time"] < 5
    assert second["auth_time"] > first["auth_time"]


@flows.of(*flows.ALL)
def test_oidcc_max_age_10000(rp, browser):
    first = rp.flow(browser, max_age="15000").id_claims
    with time_machine.travel(time.time() + 2, tick=False):
        second = rp.flow(browser, max_age="10000").id_claims
    assert second["auth_time"] == first["auth_time"]


@flows.of(*flows.ALL)
def test_oidcc_ensure_request_with_unknown_parameter_succeeds(rp, browser):
    assert rp.flow(browser, extra="foobar").id_claims


@flows.of(*flows.ALL)
@pytest.mark.parametrize("asked", ["1", "1 2", "2 1"])
def test_oidcc_ensure_request_with_acr_values_succeeds(rp, browser, asked):
    for claims in rp.flow(browser, acr_values=asked).id_tokens:
        assert claims["acr"] in asked.split()


@flows.of(*flows.with_code(*flows.ALL))
def test_oidcc_codereuse(rp, browser):
    response = rp.exchange(rp.flow(browser).answer["code"])
    assert (response.status, response.json["error"]) == (400, "invalid_grant")
    assert response.headers["Content-Type"] == "application/json"


@flows.of(*flows.with_code(*flows.ALL))
def test_oidcc_codereuse_30seconds(rp, browser):
    done = rp.flow(browser)
    with time_machine.travel(time.time() + 30, tick=False):
        response = rp.exchange(done.answer["code"])
        assert (response.status, response.json["error"]) == (400, "invalid_grant")
        # Whatever came of the authorization is gone, what came by the front channel included.
        assert rp.userinfo(done.back.access).status == 401
        if "access_token" in done.answer:
            assert rp.userinfo(done.answer["access_token"]).status == 401


@flows.of(*flows.ALL)
def test_oidcc_ensure_registered_redirect_uri(rp, browser):
    response = rp.start(browser, redirect_uri=f"{rp.redirect_uri}/qK3vN0")
    assert response.location is None
    assert 400 <= response.status < 500
    assert "redirect uri" in response.text.lower()


@flows.of("code")
def test_oidcc_ensure_post_request_succeeds(idp, rp, browser):
    kept = idp.http()("POST", "/oauth/authorize", rp.parameters(), {})
    assert kept.status == 303
    assert rp.finish(browser("GET", kept.location)).id_claims


@flows.of(*flows.with_code(*flows.ALL))
def test_oidcc_server_client_secret_post(idp, browser, response_type, response_mode):
    party = idp.party(token_endpoint_auth_method="client_secret_post", **flows.metadata_for(response_type))
    party.response_type, party.response_mode, party.auth_method = response_type, response_mode, "client_secret_post"
    assert party.flow(browser).back.id_claims


@flows.of(*flows.ALL)
def test_oidcc_claims_essential(rp, browser, idp):
    done = rp.flow(browser, claims=json.dumps({_member(rp): {"name": {"essential": True}}}))
    assert told(idp, rp, done)["name"] == "Ana Ruiz"
    if done.access is not None:
        assert "name" not in done.id_claims


def _member(rp):
    return "id_token" if rp.response_type == "id_token" else "userinfo"


@flows.of(*flows.with_code(*flows.ALL))
def test_oidcc_refresh_token(idp, browser, response_type, response_mode):
    metadata = flows.metadata_for(response_type)
    party = idp.party(
        scope="openid offline_access",
        **{**metadata, "grant_types": [*metadata["grant_types"], "refresh_token"]},
    )
    party.response_type, party.response_mode = response_type, response_mode
    done = party.flow(browser, prompt="consent")
    token = done.back.refresh
    assert token
    assert entropy(token) > 96
    assert all(" " < letter <= "~" for letter in token)
    assert "refresh_token" not in done.answer
    with time_machine.travel(time.time() + 2, tick=False):
        fresh = party.verified(party.refresh(token))
        assert fresh.access != done.back.access
        for name in ("iss", "sub", "aud", "auth_time"):
            assert fresh.id_claims[name] == done.id_claims[name]
        assert fresh.id_claims["iat"] > done.id_claims["iat"]
        other = idp.party(scope="openid offline_access", grant_types=["authorization_code", "refresh_token"])
        refused = other.refresh(fresh.refresh)
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


@flows.of(*flows.with_code(*flows.ALL))
def test_oidcc_ensure_request_with_valid_pkce_succeeds(rp, browser):
    done = rp.flow(browser)
    assert rp.pending[-1].verifier
    assert done.back.access
