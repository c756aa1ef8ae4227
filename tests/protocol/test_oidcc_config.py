"""The certification profile Config, and that what is not offered cannot be reached."""

from __future__ import annotations

import json
import re

import pytest

from idp.clients import public_keys
from idp.oidc import documents
from idp.settings import RegistrationSettings, Settings

TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


@pytest.fixture
def document(idp):
    return idp.http()("GET", "/.well-known/openid-configuration", None, {}).json


def test_oidcc_discovery_endpoint_verification(idp, document):
    answer = idp.http()("GET", "/.well-known/openid-configuration", None, {})

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert document["issuer"] == idp.issuer
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"):
        assert document[name].startswith(f"{idp.issuer}/")
    assert {"code", "id_token", "id_token token"} <= set(document["response_types_supported"])
    assert {"authorization_code", "implicit", "refresh_token"} <= set(document["grant_types_supported"])
    assert set(document["subject_types_supported"]) == {"public", "pairwise"}
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    assert {"openid", "profile", "email", "address", "phone", "offline_access"} <= set(document["scopes_supported"])
    assert {"sub", "iss", "auth_time", "acr", "name", "email", "address"} <= set(document["claims_supported"])
    for name in ("request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported"):
        assert document[name] is True
    for name in ("frontchannel_logout_supported", "backchannel_logout_supported"):
        assert document[name] is document[name.replace("_supported", "_session_supported")] is True


def test_oidcc_discovery_endpoint_verification_of_an_https_issuer(idp_over, make_app):
    every = RegistrationSettings(mode="open")
    idp = idp_over(make_app(issuer="https://id.example.com", registration=every))
    answer = idp.http()("GET", "/.well-known/openid-configuration", None, {})
    assert answer.status == 200
    document = answer.json
    assert document["issuer"] == "https://id.example.com"
    addresses = {name for name in document if name.endswith(("_endpoint", "_iframe", "jwks_uri"))}
    assert {"registration_endpoint", "authorization_endpoint", "jwks_uri", "check_session_iframe"} <= addresses
    for name in addresses:
        assert document[name].startswith("https://id.example.com/"), name
    keys = idp.http()("GET", document["jwks_uri"].removeprefix(idp.issuer), None, {}).json["keys"]
    assert keys
    done = idp.party().flow(idp.browser(idp.person()))
    assert done.id_claims["iss"] == done.answer["iss"] == document["issuer"]


def test_oidcc_discovery_values_have_the_right_form(document):
    for name, value in document.items():
        if name.endswith(("_supported", "_registration")) and isinstance(value, bool):
            continue
        if name.endswith("_supported"):
            assert isinstance(value, list), name
            assert value, name
            assert all(isinstance(one, str) and one for one in value), name
            assert len(set(value)) == len(value), name
        else:
            assert isinstance(value, str), name
    assert all(TAG.fullmatch(tag) for tag in document.get("ui_locales_supported", []))


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration/", "/.well-known//openid-configuration", "/.well-known/OPENID"]
)
def test_oidcc_discovery_is_at_one_address_without_redirects(idp, path):
    assert idp.http()("GET", path, None, {}).status == 404


def test_oidcc_idtoken_unsigned(idp, document):
    for name, value in document.items():
        if name.endswith("_alg_values_supported"):
            assert "none" not in [one.lower() for one in value], name
    assert "none" not in public_keys.CLIENT_SIGNING_ALGORITHMS


def test_what_a_setting_switches_on_is_advertised_then_and_only_then():
    usual = json.loads(documents.discovery_bytes(Settings()).body)
    changed = Settings(
        registration=RegistrationSettings(mode="open"),
        client_certificate_header="X-Client-Cert",
        trusted_proxies=("127.0.0.1/32",),
    )
    more = json.loads(documents.discovery_bytes(changed).body)

    assert {name for name in more if more[name] != usual.get(name)} == {
        "registration_endpoint",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
    }
    certificates = {"tls_client_auth", "self_signed_tls_client_auth"}
    for name, value in usual.items():
        if name.endswith("_auth_methods_supported"):
            assert set(more[name]) - set(value) == certificates, name


# What is not offered


def test_T32_there_is_no_device_flow_to_guess_codes_of(idp, party, document):
    assert "device_authorization_endpoint" not in document
    answer = party.token({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"})
    assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type")
    for path in ("/oauth/device_authorization", "/oauth/device", "/device"):
        assert idp.http()("POST", path, {"client_id": party.client_id}, {}).status in {404, 405}


def test_T38_a_pushed_request_is_neither_offered_nor_read(idp, party, browser, document):
    assert "pushed_authorization_request_endpoint" not in document
    assert idp.http()("POST", "/oauth/par", {"client_id": party.client_id}, {}).status in {404, 405}
    answer = party.answer(party.start(browser, request_uri="urn:ietf:params:oauth:request_uri:x"))
    assert "code" not in answer
    assert answer["error"] == "request_uri_not_supported"


def test_T39_a_proof_of_possession_binds_nothing_and_is_not_offered(idp, party, browser, document):
    assert "dpop_signing_alg_values_supported" not in document
    done = party.flow(browser)
    answer = idp.http()("GET", "/oauth/userinfo", None, {"Authorization": f"DPoP {done.access}", "DPoP": "a.b.c"})
    assert answer.status == 401
    assert "cnf" not in done.back.access_claims
