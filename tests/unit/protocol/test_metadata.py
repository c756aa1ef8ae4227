from dataclasses import replace

import pytest

from idp.protocol import metadata
from idp.protocol.metadata import Capabilities, document
from idp.protocol.response_types import RESPONSE_MODES, RESPONSE_TYPES

ISSUER = "https://id.example"
CAPABILITIES = Capabilities(
    issuer=ISSUER,
    endpoints={
        name: f"{ISSUER}/oauth/{name}"
        for name in (
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "end_session_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
        )
    },
    grant_types=("authorization_code", "refresh_token", "client_credentials"),
    auth_methods=("client_secret_basic", "client_secret_post", "none"),
    id_token_algorithms=("RS256", "ES256"),
    assertion_algorithms=("RS256", "HS256"),
    request_object_algorithms=("RS256", "PS256"),
    key_encryption_algorithms=("RSA-OAEP-256",),
    content_encryption_algorithms=("A256GCM",),
    acr_values=("1",),
)


def test_the_document_says_what_the_standard_requires():
    found = document(CAPABILITIES)
    assert found["issuer"] == ISSUER
    assert found["response_types_supported"] == list(RESPONSE_TYPES)
    assert found["response_modes_supported"] == list(RESPONSE_MODES)
    assert found["grant_types_supported"][-1] == "implicit"
    assert found["claims_parameter_supported"] is True
    assert found["acr_values_supported"] == ["1"]
    assert found["subject_types_supported"] == ["public", "pairwise"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["scopes_supported"][0] == "openid"
    assert {"sub", "email", "address", "groups"} <= set(found["claims_supported"])


@pytest.mark.parametrize(
    "name", ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"]
)
def test_what_may_be_sent_is_declared(name):
    assert document(CAPABILITIES)[name] is True


def test_every_kind_of_algorithm_is_declared():
    found = document(CAPABILITIES)
    assert found["authorization_signing_alg_values_supported"] == ["RS256", "ES256"]
    assert found["userinfo_signing_alg_values_supported"] == ["RS256", "ES256"]
    assert found["request_object_signing_alg_values_supported"] == ["RS256", "PS256"]
    for endpoint in ("token", "revocation", "introspection"):
        assert found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == ["RS256", "HS256"]
    for token in ("id_token", "userinfo"):
        assert found[f"{token}_encryption_alg_values_supported"] == ["RSA-OAEP-256"]
        assert found[f"{token}_encryption_enc_values_supported"] == ["A256GCM"]


def test_every_name_is_registered_and_every_list_a_list():
    found = document(replace(CAPABILITIES, ui_locales=("en",)), {"service_documentation": f"{ISSUER}/docs"})
    assert set(found) <= metadata.REGISTERED_NAMES
    assert all(
        isinstance(value, list) and value
        for name, value in found.items()
        if name.endswith("_supported") and not isinstance(value, bool)
    )


def test_nothing_is_advertised_twice_or_empty():
    found = document(CAPABILITIES)
    assert "ui_locales_supported" not in found
    assert all(len(value) == len(set(value)) for value in found.values() if isinstance(value, list))
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    "change",
    [
        {"endpoints": {"token_endpoint": "https://evil.example/token"}},
        {"endpoints": {"check_session_iframe": "https://evil.example/session"}},
        {"endpoints": {"jwks_uri": "https://id.example.evil/jwks"}},
        {"id_token_algorithms": ("ES256",)},
    ],
)
def test_N15_what_cannot_be_true_is_refused(change):
    with pytest.raises(ValueError, match=r"issuer|RS256"):
        document(replace(CAPABILITIES, **change))


def test_a_name_of_our_own_is_refused():
    with pytest.raises(ValueError, match="registered"):
        document(CAPABILITIES, {"doorward_version": "1"})
