"""Client metadata: what is accepted, what is filled in, and what is refused with which reason."""

import json

import pytest
from joserfc.jwk import ECKey, RSAKey

from idp.clients import metadata as stored
from idp.clients import registration
from idp.clients.metadata import ClientMetadata, validate
from idp.errors import FieldErrors

PUBLIC_KEYS = {"keys": [ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=False)]}
WEB = {"client_name": "Notes", "redirect_uris": ["https://notes.example.com/callback"]}
NATIVE = {
    "client_name": "Pocket notes",
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["com.example.notes:/callback"],
}


def faults_of(given):
    with pytest.raises(FieldErrors) as refused:
        validate(given)
    return refused.value.fields


def test_the_least_that_a_web_app_says_gets_safe_defaults():
    metadata = validate(WEB)

    assert metadata == ClientMetadata(client_name="Notes", redirect_uris=("https://notes.example.com/callback",))
    assert metadata.grant_types == ("authorization_code",)
    assert metadata.response_types == ("code",)
    assert metadata.scope == "openid profile email"
    assert metadata.require_pkce
    assert metadata.id_token_profile_claims
    assert not metadata.skip_consent
    assert metadata.token_endpoint_auth_method is None
    assert metadata.needs_secret
    assert metadata.signing_algorithms == {"RS256"}


@pytest.mark.parametrize(
    ("given", "grant_types", "scope"),
    [
        ({"scope": "openid offline_access"}, ("authorization_code", "refresh_token"), "openid offline_access"),
        (
            {"grant_types": ["authorization_code", "refresh_token"]},
            ("authorization_code", "refresh_token"),
            "openid profile email offline_access",
        ),
        ({"scope": "openid openid email"}, ("authorization_code",), "openid email"),
    ],
)
def test_refresh_tokens_and_their_scope_come_together(given, grant_types, scope):
    metadata = validate(WEB | given)

    assert (metadata.grant_types, metadata.scope) == (grant_types, scope)


def test_a_machine_has_neither_addresses_nor_scopes_unless_it_names_them():
    metadata = validate({"client_name": "Report", "grant_types": ["client_credentials"]})

    assert metadata.response_types == ()
    assert metadata.scope == ""
    assert metadata.needs_secret


def test_metadata_survives_being_stored():
    metadata = validate(
        WEB
        | {
            "resources": ["https://api.example.com", "urn:example:api"],
            "default_max_age": 0,
            "jwt_sso": {"delivery_uri": "https://notes.example.com/jwt", "claims": {"external_id": "sub"}},
        }
    )

    assert stored.from_stored(json.loads(json.dumps(metadata.as_json()))) == metadata


def test_metadata_of_a_later_version_can_still_be_read():
    later = ClientMetadata(client_name="Notes").as_json() | {"invented_later": {"a": 1}}

    assert stored.from_stored(later).client_name == "Notes"


def test_every_fault_is_named_at_once():
    faults = faults_of(
        {
            "client_nme": "Notes",
            "redirect_uris": ["https://notes.example.com/#top"],
            "grant_types": ["password", "authorization_code"],
            "default_max_age": True,
            "jwks_uri": "http://notes.example.com/keys",
        }
    )

    assert set(faults) == {"client_nme", "redirect_uris", "grant_types", "default_max_age", "jwks_uri"}
    assert "client_name" in faults["client_nme"]
    assert "fragment" in faults["redirect_uris"]
    assert "password" in faults["grant_types"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://notes.example.com/callback"}, "redirect_uris"),
        ({"redirect_uris": ["https://notes.example.com"] * 1 + [7]}, "redirect_uris"),
        ({"redirect_uris": [f"https://notes.example.com/{n}" for n in range(101)]}, "redirect_uris"),
        ({"response_types": ["token"]}, "response_types"),
        ({"response_types": []}, "response_types"),
        ({"grant_types": ["refresh_token"], "redirect_uris": []}, "grant_types"),
        ({"grant_types": ["client_credentials"]}, "redirect_uris"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "none", "require_pkce": False}, "require_pkce"),
        (
            {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]},
            "grant_types",
        ),
        ({"token_endpoint_auth_method": "none", "resource_server": True}, "resource_server"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg"),
        (
            {"token_endpoint_auth_method": "none", "id_token_signed_response_alg": "HS256"},
            "id_token_signed_response_alg",
        ),
        ({"security_profile": "fapi", "userinfo_signed_response_alg": "HS512"}, "userinfo_signed_response_alg"),
        ({"access_token_signed_response_alg": "HS256"}, "access_token_signed_response_alg"),
        ({"access_token_signed_response_alg": "none"}, "access_token_signed_response_alg"),
        ({"subject_type": "private"}, "subject_type"),
        (
            {
                "subject_type": "pairwise",
                "redirect_uris": ["https://a.example.com/callback", "https://b.example.com/callback"],
            },
            "sector_identifier_uri",
        ),
        ({"userinfo_signed_response_alg": "none"}, "userinfo_signed_response_alg"),
        ({"userinfo_encrypted_response_alg": "RSA-OAEP"}, "userinfo_encrypted_response_alg"),
        ({"id_token_encrypted_response_enc": "A256GCM"}, "id_token_encrypted_response_enc"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "id_token_encrypted_response_alg"),
        ({"request_object_signing_alg": "none"}, "request_object_signing_alg"),
        ({"request_uris": ["http://notes.example.com/request#v1"]}, "request_uris"),
        ({"response_types": ["id_token", "none"]}, "response_types"),
        ({"response_types": ["id_token token"], "grant_types": ["authorization_code"]}, "response_types"),
        ({"response_types": ["code"], "grant_types": ["authorization_code", "implicit"]}, "response_types"),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "token_endpoint_auth_method"),
        ({"tls_client_auth_san_dns": "notes.example.com"}, "tls_client_auth_san_dns"),
        (
            {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"},
            "token_endpoint_auth_signing_alg",
        ),
        ({"frontchannel_logout_uri": "https://elsewhere.example.com/bye"}, "frontchannel_logout_uri"),
        ({"backchannel_logout_uri": "http://notes.example.com/bye"}, "backchannel_logout_uri"),
        ({"initiate_login_uri": "http://notes.example.com/start"}, "initiate_login_uri"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "jwks"),
        ({"jwks": {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]}}, "jwks"),
        ({"jwks_uri": "https://notes.example.com/keys", "jwks": PUBLIC_KEYS}, "jwks"),
        ({"dpop_bound_access_tokens": True}, "dpop_bound_access_tokens"),
        ({"scope": 'openid "quoted"'}, "scope"),
        ({"resources": ["/api"]}, "resources"),
        ({"resources": ["https://a.example"], "default_resource": "https://b.example"}, "default_resource"),
        ({"resources": ["https://api.example.com/#part"]}, "resources"),
        ({"default_max_age": -1}, "default_max_age"),
        ({"client_name": "two\nlines"}, "client_name"),
        ({"client_name": "x" * 201}, "client_name"),
        ({"skip_consent": "yes"}, "skip_consent"),
        ({"jwt_sso": []}, "jwt_sso"),
        ({"jwt_sso": {}}, "jwt_sso.delivery_uri"),
        ({"jwt_sso": {"delivery_uri": "http://notes.example.com/jwt"}}, "jwt_sso.delivery_uri"),
        ({"jwt_sso": {"delivery_uri": "https://a.example/jwt", "alg": "none"}}, "jwt_sso.alg"),
        ({"jwt_sso": {"delivery_uri": "https://a.example/jwt", "field": "state"}}, "jwt_sso.field"),
        ({"jwt_sso": {"delivery_uri": "https://a.example/jwt", "claims": {"aud": "email"}}}, "jwt_sso.claims"),
        ({"jwt_sso": {"delivery_uri": "https://a.example/jwt", "claims": {"mail": "password"}}}, "jwt_sso.claims"),
        ({"jwt_sso": {"delivery_uri": "https://a.example/jwt", "claims": {"email": "nickname"}}}, "jwt_sso.claims"),
        (
            {"jwt_sso": {"delivery_uri": "https://a.example/jwt", "claims": {"email_verified": "nickname"}}},
            "jwt_sso.claims",
        ),
        (
            {"jwt_sso": {"delivery_uri": "https://a.example/jwt", "return_to_prefixes": ["https://b.example"]}},
            "jwt_sso.return_to_prefixes",
        ),
    ],
)
def test_what_cannot_be_registered_is_refused_by_name(given, field):
    assert field in faults_of(WEB | given)


@pytest.mark.parametrize("given", [{"jwks": None}, {"dpop_bound_access_tokens": False}, {"request_uris": []}])
def test_saying_no_to_what_is_not_served_is_accepted(given):
    assert validate(WEB | given) == validate(WEB)


BAD_SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/callback",
    "https://",
    "https://user@evil.example/",
    "https://notes.example.com\\@evil.example/",
    "http://notes.example.com/callback",
    " https://notes.example.com/callback",
)


@pytest.mark.parametrize("address", BAD_SCHEMES)
@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris", "client_uri", "logo_uri"])
def test_M04_dangerous_addresses_cannot_be_registered(field, address):
    value = address if field.endswith("_uri") else ["https://notes.example.com/ok", address]

    assert field in faults_of(WEB | {field: value})


@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris"])
def test_M04_private_use_schemes_are_for_native_apps_alone(field):
    assert field in faults_of(WEB | {field: ["com.example.notes:/callback"]})

    metadata = validate(NATIVE | {field: ["com.example.notes:/callback"]})

    assert getattr(metadata, field) == ("com.example.notes:/callback",)


@pytest.mark.parametrize("field", ["client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri"])
def test_M04_a_link_shown_to_people_never_has_a_private_use_scheme(field):
    assert field in faults_of(NATIVE | {field: "com.example.notes:/page"})


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8001/callback",
        "http://notes.localhost:8001/callback",
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
    ],
)
def test_plain_http_is_registrable_on_this_computer(address):
    assert validate(WEB | {"redirect_uris": [address]}).redirect_uris == (address,)


@pytest.mark.parametrize(
    "address",
    [
        "https://notes.example.com/*",
        "https://*.example.com/callback",
        "https://notes.example.com/callback#",
        "https://notes.example.com/call\nback",
        "https://notes.example.com/call\0back",
        "https://notes.example.com/call back",
        "https://notes.example.com/%0",
        "https://notes.example.com/ü",
        "https://notes.example.com:0/",
        "https://notes.example.com:99999/",
        "https://2130706433/",
        "https:notes.example.com",
        "",
        "https://notes.example.com/" + "x" * 2048,
    ],
)
def test_R03_wildcards_fragments_and_control_characters_cannot_be_registered(address):
    assert "redirect_uris" in faults_of(WEB | {"redirect_uris": [address]})


@pytest.mark.parametrize(
    "given",
    [
        {"is_admin": True},
        {"trusted": True},
        {"owner": "usr_1"},
        {"disabled_at": None},
        {"secrets": []},
        {"jwt_secret": "x" * 43},
        {"grant_types": ["password"]},
        {"id_token_signed_response_alg": "none"},
        {"token_endpoint_auth_method": "client_secret_digest"},
    ],
)
def test_R05_metadata_outside_the_list_is_refused(given):
    assert set(faults_of(WEB | given)) >= {next(iter(given))}


def test_a_chosen_identifier_and_secret_are_kept():
    read = registration.read(WEB | {"client_id": "notes", "client_secret": "a" * 31 + "~"})

    assert (read.client_id, read.client_secret) == ("notes", "a" * 31 + "~")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"client_id": "usr_01h"}, "client_id"),
        ({"client_id": "a b"}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": ".."}, "client_id"),
        ({"client_id": "new"}, "client_id"),
        ({"client_id": "x" * 129}, "client_id"),
        ({"client_id": 7}, "client_id"),
        ({"client_secret": "x" * 31}, "client_secret"),
        ({"client_secret": "x" * 31 + "+"}, "client_secret"),
        ({"client_secret": "x" * 201}, "client_secret"),
        ({"client_secret": "x" * 40, "token_endpoint_auth_method": "none"}, "client_secret"),
        (
            {
                "client_secret": "x" * 40,
                "redirect_uris": [],
                "grant_types": [],
                "jwt_sso": {"delivery_uri": "https://wiki.example/sso"},
            },
            "client_secret",
        ),
    ],
)
def test_identifiers_and_secrets_that_would_confuse_are_refused(given, field):
    with pytest.raises(FieldErrors) as refused:
        registration.read(WEB | given)

    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("private", [ECKey.generate_key("P-256"), RSAKey.generate_key(2048)])
def test_a_private_key_is_never_taken_for_a_public_one(private):
    refused = faults_of(WEB | {"jwks": {"keys": [private.as_dict(private=True)]}})

    assert "public part" in refused["jwks"]


def test_a_short_rsa_key_is_refused():
    short = {"kty": "RSA", "n": "wJ2T" * 42, "e": "AQAB"}

    assert "2048" in faults_of(WEB | {"jwks": {"keys": [short]}})["jwks"]


@pytest.mark.parametrize(
    ("response_types", "grant_types"),
    [
        (["token id_token"], ("implicit",)),
        (["code token id_token"], ("authorization_code", "implicit")),
        (["code", "id_token"], ("authorization_code", "implicit")),
    ],
)
def test_response_types_bring_their_grant_types(response_types, grant_types):
    metadata = validate(WEB | {"response_types": response_types})

    assert metadata.grant_types == grant_types
    assert metadata.response_types == tuple(" ".join(sorted(one.split())) for one in response_types)


def test_keys_by_value_survive_being_stored():
    metadata = validate(WEB | {"jwks": PUBLIC_KEYS, "token_endpoint_auth_method": "private_key_jwt"})

    assert not metadata.needs_secret
    assert stored.from_stored(json.loads(json.dumps(metadata.as_json()))) == metadata
