"""Signed userinfo, and tokens encrypted to the client (OpenID Connect Core sections 5.3.2 and 10.2)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlalchemy import select

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.db import db
from idp.keys.store import ensure_algorithm
from idp.settings import OutboundSettings
from idp.tokens.models import Grant
from idp.vault import Vault
from tests.app_keys import decrypted
from tests.listener import serving
from tests.protocol.flows import metadata_for
from tests.relying_party import header_of, now

KEYS = {
    "RSA-OAEP": RSAKey.generate_key(2048),
    "RSA-OAEP-256": RSAKey.generate_key(2048),
    "ECDH-ES": ECKey.generate_key("P-256"),
    "ECDH-ES+A128KW": ECKey.generate_key("P-384"),
    "ECDH-ES+A192KW": ECKey.generate_key("P-521"),
    "ECDH-ES+A256KW": OKPKey.generate_key("X25519"),
}


def public(key, **members):
    return {**key.as_dict(private=False), **members}


def jwks(alg, **members):
    return {"keys": [public(KEYS[alg], **{"kid": "enc-1", "use": "enc", **members})]}


def tokens_of(party, browser):
    """Do the code flow, and return the raw token response."""
    response = party.exchange(party.code(browser))
    assert response.status == 200, response.text
    return response.json


# Signed userinfo


# joserfc warns of the name EdDSA, which RFC 9864 deprecates.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_oidcc_userinfo_rs256(idp, browser, person, alg):
    ensure_key(idp, alg)
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert alg in document["userinfo_signing_alg_values_supported"]
    party = idp.party(userinfo_signed_response_alg=alg)
    tokens = party.sign_in(browser)
    answer = party.userinfo(tokens.access)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/jwt"
    assert answer.headers["Cache-Control"] == "no-store"
    header = header_of(answer.text)
    assert header["alg"] == alg
    claims = party.claims_of(answer.text, typ="JWT")
    assert claims["iss"] == idp.issuer
    assert claims["aud"] == party.client_id
    assert claims["sub"] == tokens.id_claims["sub"]
    assert claims["email"] == person.email
    # Nothing of an ID token, so that it can never be taken for one.
    assert not {"nonce", "exp", "iat", "at_hash", "auth_time", "sid"} & set(claims)


def test_J09_signed_userinfo_is_no_hint_and_no_token(idp, browser):
    party = idp.party(userinfo_signed_response_alg="RS256")
    about = party.userinfo(party.sign_in(browser).access).text
    assert party.answer(party.start(browser, id_token_hint=about))["error"] == "invalid_request"
    assert party.userinfo(about).status == 401
    assert party.introspect(about).json == {"active": False}


def test_userinfo_is_json_for_everybody_else(party, browser):
    answer = party.userinfo(party.sign_in(browser).access)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["sub"]


# Encrypted


@pytest.mark.parametrize("alg", sorted(KEYS))
def test_an_id_token_is_encrypted_to_the_registered_key(idp, browser, alg):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert alg in document["id_token_encryption_alg_values_supported"]
    assert alg in document["userinfo_encryption_alg_values_supported"]
    party = idp.party(id_token_encrypted_response_alg=alg, jwks=jwks(alg))
    header, inner = decrypted(tokens_of(party, browser)["id_token"], KEYS[alg])
    assert (header["alg"], header["enc"], header["kid"], header["cty"]) == (alg, "A128CBC-HS256", "enc-1", "JWT")
    claims = party.claims_of(inner.decode(), typ="JWT")
    assert claims["aud"] == party.client_id
    assert claims["nonce"] == party.pending[-1].nonce


@pytest.mark.parametrize("enc", ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"])
def test_the_registered_content_encryption_is_used(idp, browser, enc):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert enc in document["id_token_encryption_enc_values_supported"]
    assert enc in document["userinfo_encryption_enc_values_supported"]
    party = idp.party(
        id_token_encrypted_response_alg="ECDH-ES", id_token_encrypted_response_enc=enc, jwks=jwks("ECDH-ES")
    )
    header, _ = decrypted(tokens_of(party, browser)["id_token"], KEYS["ECDH-ES"])
    assert header["enc"] == enc
    assert "zip" not in header


def test_refreshed_and_front_channel_id_tokens_are_encrypted_too(idp, browser):
    made = {"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": jwks("RSA-OAEP")}
    party = idp.offline_party(**made)
    again = party.refresh(tokens_of(party, browser)["refresh_token"]).json
    assert decrypted(again["id_token"], KEYS["RSA-OAEP"])[1].count(b".") == 2
    front = idp.party(response_types=["id_token"], grant_types=["implicit"], **made)
    given = front.answer(
        front.start(browser, response_type="id_token", code_challenge=None, code_challenge_method=None)
    )
    assert decrypted(given["id_token"], KEYS["RSA-OAEP"])[1].count(b".") == 2


@pytest.mark.parametrize("signing", [None, "RS256"])
def test_userinfo_is_encrypted_signed_first_when_both_are_registered(idp, browser, person, signing):
    party = idp.party(
        userinfo_encrypted_response_alg="ECDH-ES+A128KW",
        userinfo_encrypted_response_enc="A256GCM",
        userinfo_signed_response_alg=signing,
        jwks=jwks("ECDH-ES+A128KW"),
    )
    answer = party.userinfo(party.sign_in(browser).access)
    assert answer.headers["Content-Type"] == "application/jwt"
    header, inner = decrypted(answer.text, KEYS["ECDH-ES+A128KW"])
    assert (header["alg"], header["enc"]) == ("ECDH-ES+A128KW", "A256GCM")
    assert header.get("cty") == (None if signing is None else "JWT")
    claims = json.loads(inner) if signing is None else party.claims_of(inner.decode(), typ="JWT")
    assert claims["email"] == person.email


def test_the_key_for_encryption_is_chosen_by_what_it_is_for(idp, browser):
    signing, usual, meant = (RSAKey.generate_key(2048) for _ in range(3))
    keys = [public(signing, kid="sig", use="sig"), public(usual, kid="any"), public(meant, kid="enc", use="enc")]
    party = idp.party(id_token_encrypted_response_alg="RSA-OAEP", jwks={"keys": keys})
    header, _ = decrypted(tokens_of(party, browser)["id_token"], meant)
    assert header["kid"] == "enc"
    keys = [public(signing, kid="sig", use="sig"), public(usual, alg="RSA-OAEP")]
    party = idp.party(id_token_encrypted_response_alg="RSA-OAEP", jwks={"keys": keys})
    header, _ = decrypted(tokens_of(party, browser)["id_token"], usual)
    assert "kid" not in header


@pytest.mark.parametrize(
    "key",
    [
        public(KEYS["RSA-OAEP"], use="sig"),
        public(KEYS["RSA-OAEP"], alg="RSA-OAEP-256"),
        public(KEYS["ECDH-ES"]),
        public(OKPKey.generate_key("Ed25519")),
    ],
    ids=["signs", "another algorithm", "another kind", "Edwards"],
)
def test_without_a_fitting_key_the_client_is_told_so(idp, browser, key):
    party = idp.party(id_token_encrypted_response_alg="RSA-OAEP", jwks={"keys": [key]})
    response = party.exchange(party.code(browser))
    assert (response.status, response.json["error"]) == (400, "invalid_request")
    assert "RSA-OAEP" in response.json["error_description"]


def test_a_key_that_cannot_be_had_uses_nothing_up(idp_over, make_app):
    provider = idp_over(make_app(outbound=OutboundSettings(allow=("127.0.0.0/8",))))
    browser, documents = provider.browser(provider.person()), {}
    with serving(documents) as (origin, _), time_machine.travel(now(), tick=False) as clock:
        party = provider.offline_party(id_token_encrypted_response_alg="ECDH-ES", jwks_uri=f"{origin}/keys")
        code = party.code(browser)
        assert party.exchange(code).status == 400
        documents["/keys"] = jwks("ECDH-ES")
        clock.shift(timedelta(seconds=11))
        raw = party.exchange(code).json
        documents.clear()
        clock.shift(timedelta(hours=25))
        assert party.refresh(raw["refresh_token"]).json["error"] == "invalid_request"
        documents["/keys"] = jwks("ECDH-ES")
        clock.shift(timedelta(seconds=11))
        assert party.refresh(raw["refresh_token"]).status == 200


def test_the_key_may_stand_at_an_address(idp_over, make_app):
    provider = idp_over(make_app(outbound=OutboundSettings(allow=("127.0.0.0/8",))))
    browser = provider.browser(provider.person())
    documents = {"/keys": jwks("ECDH-ES")}
    with serving(documents) as (origin, asked):
        made = {"jwks_uri": f"{origin}/keys", "userinfo_encrypted_response_alg": "ECDH-ES"}
        party = provider.party(id_token_encrypted_response_alg="ECDH-ES", **made)
        raw = tokens_of(party, browser)
        assert decrypted(raw["id_token"], KEYS["ECDH-ES"])[0]["kid"] == "enc-1"
        assert decrypted(party.userinfo(raw["access_token"]).text, KEYS["ECDH-ES"])[0]["kid"] == "enc-1"
        front = provider.party(
            id_token_encrypted_response_alg="ECDH-ES",
            response_types=["code id_token"],
            grant_types=["authorization_code", "implicit"],
            **{**made, "jwks_uri": f"{origin}/gone"},
        )
        given = front.answer(front.start(browser, response_type="code id_token"))
        assert given["error"] == "invalid_request"
        assert "jwks_uri" in given["error_description"]
    assert asked == ["/keys", "/gone"]


def test_a_key_that_cannot_be_had_in_front_is_told_to_the_client_after_a_sign_in(idp_over, make_app):
    provider = idp_over(make_app(outbound=OutboundSettings(allow=("127.0.0.0/8",))))
    browser, person = provider.browser(), provider.person()
    with serving({}) as (origin, _):
        party = provider.party(
            id_token_encrypted_response_alg="ECDH-ES", jwks_uri=f"{origin}/keys", **metadata_for("code id_token")
        )
        party.response_type = "code id_token"
        waiting = party.start(browser).location.partition("interaction=")[2]
        provider.sign_in(browser, person)
        given = party.answer(browser("GET", f"/oauth/authorize/{waiting}"))
    assert given["error"] == "invalid_request"
    assert "jwks_uri" in given["error_description"]
    assert not provider.rows(select(Grant.id))


def test_an_encrypted_hint_is_refused_and_the_token_inside_is_taken(idp, browser):
    party = idp.party(id_token_encrypted_response_alg="RSA-OAEP", jwks=jwks("RSA-OAEP"))
    sealed = tokens_of(party, browser)["id_token"]
    refusal = party.answer(party.start(browser, id_token_hint=sealed))
    assert refusal["error"] == "invalid_request"
    assert "id_token_hint" in refusal["error_description"]
    inner = decrypted(sealed, KEYS["RSA-OAEP"])[1].decode()
    assert "code" in party.answer(party.start(browser, id_token_hint=inner, prompt="none"))


def ensure_key(idp, alg):
    """Let the server have a signing key of *alg*, as registering a client in a page does."""
    with idp.app.app_context():
        ensure_algorithm(db.session(), idp.app.extensions["idp"][Vault], alg, clock.utc_now(), by=COMMAND_LINE)
