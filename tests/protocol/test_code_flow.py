"""The code flow as a whole, spoken as a relying party (OpenID Connect Core section 3.1, oidc.md A.3 to A.6)."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import time_machine

from idp import clock
from idp.db import db
from idp.keys import store
from idp.vault import Vault
from idp.web.current import service
from tests.factories import ALL_CLAIMS
from tests.relying_party import header_of


def test_a_code_flow_gives_tokens_that_verify(party, browser, person):
    tokens = party.sign_in(browser)
    assert tokens.id_claims["sub"] == tokens.access_claims["sub"] == person.id
    assert tokens.raw["token_type"] == "Bearer"
    assert tokens.raw["expires_in"] == 300
    assert tokens.raw["scope"] == "openid profile email"
    assert "refresh_token" not in tokens.raw


def test_a_public_client_signs_in_with_pkce_alone(idp, browser, person):
    assert idp.public_party().sign_in(browser).id_claims["sub"] == person.id


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_both_ways_to_send_a_secret_work_when_none_was_registered(party, browser, method):
    party.auth_method = method
    assert party.sign_in(browser).id_claims is not None


def test_the_id_token_says_what_the_standard_wants(idp, party, browser, person):
    before = int(time.time())
    claims = party.sign_in(browser).id_claims
    assert claims["iss"] == idp.issuer
    assert claims["aud"] == party.client_id
    assert before - 5 <= claims["iat"] <= before + 5
    assert claims["exp"] - claims["iat"] == 3600
    assert before - 60 <= claims["auth_time"] <= claims["iat"]
    assert claims["amr"] == ["pwd"]
    assert isinstance(claims["acr"], str)
    assert claims["acr"]
    assert len(claims["sub"]) <= 255
    assert claims["sid"]
    assert "azp" not in claims


def test_an_app_whose_clock_is_slow_takes_what_is_dated_back_for_it(idp, browser):
    slow, strict = idp.party(iat_backdate=5), idp.party()
    keys = jwt.PyJWKSet.from_dict(slow.http("GET", "/oauth/jwks", None, {}).json)

    def read_late(party, token):
        with time_machine.travel(now - 5, tick=False):
            return jwt.decode(token, keys[header_of(token)["kid"]], ["RS256"], audience=party.client_id)

    with time_machine.travel(time.time() + 60, tick=False):
        now = time.time()
        tokens = slow.sign_in(browser)
        assert read_late(slow, tokens.id_token)["iat"] == int(now) - 5
        with pytest.raises(jwt.ImmatureSignatureError):
            read_late(strict, strict.sign_in(browser).id_token)


def test_the_access_token_says_what_rfc_9068_wants(idp, party, browser, person):
    tokens = party.sign_in(browser)
    claims = tokens.access_claims
    assert claims["iss"] == idp.issuer
    assert claims["aud"] == idp.issuer
    assert claims["client_id"] == party.client_id
    assert claims["exp"] - claims["iat"] == 300
    assert claims["scope"] == "openid profile email"
    assert claims["jti"].count(".") == 1
    assert claims["auth_time"] == tokens.id_claims["auth_time"]
    assert not {"nonce", "at_hash", "email", "name"} & set(claims)


def test_profile_claims_are_in_the_id_token_where_the_client_has_them(idp, browser, person):
    claims = idp.party().sign_in(browser).id_claims
    assert claims["email"] == person.email
    assert claims["email_verified"] is True
    assert claims["preferred_username"] == person.username
    bare = idp.party(id_token_profile_claims=False).sign_in(browser).id_claims
    assert not {"email", "name", "preferred_username", "email_verified"} & set(bare)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_id_tokens_are_signed_as_registered(idp, browser, alg):
    with idp.app.app_context():
        store.ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())
    tokens = idp.party(id_token_signed_response_alg=alg).sign_in(browser)
    assert header_of(tokens.id_token)["alg"] == alg


def test_rs256_is_the_default_of_id_tokens_with_a_kid(party, browser):
    header = header_of(party.sign_in(browser).id_token)
    assert header["alg"] == "RS256"
    assert header["kid"]


def test_without_a_nonce_the_id_token_has_none(party, browser):
    assert "nonce" not in party.sign_in(browser, nonce=None).id_claims


@pytest.mark.parametrize("length", [64, 384, 1000])
def test_state_and_nonce_come_back_byte_for_byte(party, browser, length):
    text = ("äß€😀 +%26&=\"<>'" * 100)[:length]
    tokens = party.sign_in(browser, state=text, nonce=text)
    assert tokens.id_claims["nonce"] == text


def test_no_state_sent_means_none_returned(party, browser):
    assert "state" not in party.answer(party.start(browser, state=None))


def test_parameters_and_scopes_may_come_in_any_order_and_twice_in_a_scope(party, browser):
    tokens = party.sign_in(browser, scope="email openid profile email openid profile")
    assert tokens.raw["scope"] == "openid profile email"


@pytest.mark.parametrize(
    "extra",
    [
        {"extra": "foobar"},
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "se"},
        {"claims_locales": "xx-nowhere"},
        {"login_hint": "nobody@nowhere.example"},
        {"acr_values": "1 2"},
        {"claims": '{"userinfo":{"name":{"essential":true}}}'},
    ],
)
def test_a_parameter_that_is_not_needed_never_fails_a_request(party, browser, extra):
    assert party.sign_in(browser, **extra).id_claims is not None


def test_a_registered_query_is_kept(idp, browser):
    party = idp.party(redirect_uris=["https://query.example/cb?bar=foo&a=%2F"])
    location = party.start(browser).location
    assert location.startswith("https://query.example/cb?bar=foo&a=%2F&code=")
    names = {name for name, _ in parse_qsl(urlsplit(location).query)}
    assert names == {"bar", "a", "code", "state", "iss", "session_state"}


def test_two_sign_ins_keep_the_time_of_the_real_one(party, browser):
    first = party.sign_in(browser).id_claims
    second = party.sign_in(browser, prompt="none").id_claims
    assert (first["sub"], first["auth_time"]) == (second["sub"], second["auth_time"])


def test_the_groups_scope_brings_groups(idp):
    person = idp.person(in_groups=("Engineering", "Ops"))
    party = idp.party(scope="openid groups")
    tokens = party.sign_in(idp.browser(person))
    assert tokens.id_claims["groups"] == ["Engineering", "Ops"]
    assert party.userinfo(tokens.access).json["groups"] == ["Engineering", "Ops"]
    # An API decides by them without asking (RFC 9068 section 2.2.3.1), and only where they were asked for.
    assert tokens.access_claims["groups"] == ["Engineering", "Ops"]
    assert "groups" not in party.sign_in(idp.browser(person), scope="openid").access_claims


def test_userinfo_has_every_claim_of_every_scope(idp):
    person = idp.person(claims=ALL_CLAIMS)
    party = idp.party(scope="openid profile email address phone")
    info = party.userinfo(party.sign_in(idp.browser(person)).access).json
    for name, value in ALL_CLAIMS.items():
        assert info[name] == value
    assert info["sub"] == person.id
    assert info["name"] == "Ana Ruiz"
    assert info["preferred_username"] == person.username
    assert info["email"] == person.email
    assert info["email_verified"] is True
    assert abs(info["updated_at"] - time.time()) < 60
