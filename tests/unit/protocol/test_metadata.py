from dataclasses import replace

import pytest

from idp.protocol import metadata
from idp.protocol.metadata import Capabilities, document

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
)


def test_the_document_says_what_the_standard_requires():
    found = document(CAPABILITIES)
    assert found["issuer"] == ISSUER
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"] == ["query", "fragment", "form_post"]
    assert found["subject_types_supported"] == ["public"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["scopes_supported"][0] == "openid"
    assert {"sub", "email", "address", "groups"} <= set(found["claims_supported"])


@pytest.mark.parametrize(
    "name", ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"]
)
def test_what_is_not_served_is_declared_so(name):
    assert document(CAPABILITIES)[name] is False


def test_every_name_is_registered_and_every_list_a_list():
    found = document(
        replace(CAPABILITIES, acr_values=("urn:x",), ui_locales=("en",)), {"service_documentation": f"{ISSUER}/docs"}
    )
    assert set(found) <= metadata.REGISTERED_NAMES
    assert all(
        isinstance(value, list) and value
        for name, value in found.items()
        if name.endswith("_supported") and not isinstance(value, bool)
    )


def test_nothing_is_advertised_twice_or_empty():
    found = document(CAPABILITIES)
    assert "acr_values_supported" not in found
    assert all(len(value) == len(set(value)) for value in found.values() if isinstance(value, list))
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    "change",
    [
        {"endpoints": {"token_endpoint": "https://evil.example/token"}},
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
