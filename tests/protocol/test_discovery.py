"""Discovery, the key set, and which pages may read what (oidc.md A.1 and A.2; security.md row N04)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from idp.oidc import documents
from idp.protocol.metadata import REGISTERED_NAMES
from tests.factories import disable_client

PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


@pytest.fixture
def document(idp):
    return idp.http()("GET", PATHS[0], None, {}).json


@pytest.mark.parametrize("path", PATHS)
def test_discovery_is_json_and_never_redirected(idp, path):
    response = idp.http()("GET", path, None, {})
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert idp.http()("GET", f"{path}/", None, {}).status == 404
    assert idp.http()("HEAD", path, None, {}).status == 200


def test_both_documents_are_the_same(idp):
    first, second = (idp.http()("GET", path, None, {}) for path in PATHS)
    assert first.body == second.body
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_document_that_is_known_is_not_sent_again(idp):
    for path in (*PATHS, "/oauth/jwks", "/.well-known/jwks.json"):
        etag = idp.http()("GET", path, None, {}).headers["ETag"]
        again = idp.http()("GET", path, None, {"If-None-Match": etag})
        assert again.status == 304
        assert again.body == b""


def test_the_issuer_is_the_one_of_the_settings(idp, document):
    assert document["issuer"] == idp.issuer
    for name, value in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert value.startswith(f"{idp.issuer}/")


def test_the_required_metadata_is_there_and_nothing_unregistered(document):
    for name in (
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
    ):
        assert document[name]
    assert set(document) <= REGISTERED_NAMES
    assert document["subject_types_supported"] == ["public", "pairwise"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "openid" in document["scopes_supported"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert "none" not in document["request_object_signing_alg_values_supported"]
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    for value in document.values():
        assert isinstance(value, str | bool | list)


def test_every_advertised_endpoint_is_served(idp, document):
    served = {str(rule) for rule in idp.app.url_map.iter_rules()}
    for name, value in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert urlsplit(value).path in served


@pytest.mark.parametrize("path", ["/oauth/jwks", "/.well-known/jwks.json"])
def test_the_key_set_is_sound(idp, path):
    response = idp.http()("GET", path, None, {})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    keys = response.json["keys"]
    assert len(keys) == 4
    assert len({key["kid"] for key in keys}) == 4
    for key in keys:
        assert key["use"] == "sig"
        assert key["alg"] in {"RS256", "ES256"}
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key)
        material = ("n", "e") if key["kty"] == "RSA" else ("crv", "x", "y")
        assert all(re.fullmatch(r"[A-Za-z0-9_-]+", key[name]) for name in material if name != "crv")


def test_the_documents_are_made_without_a_request(idp):
    providers = documents.providers(idp.app)
    for path in (*PATHS, "/oauth/jwks", "/.well-known/jwks.json"):
        made, sent = providers[path](), idp.http()("GET", path, None, {})
        assert (made.body, made.etag, made.cache_control) == (
            sent.body,
            sent.headers["ETag"],
            sent.headers["Cache-Control"],
        )


ORIGIN = "https://spa.example"


@pytest.fixture
def spa(idp):
    return idp.public_party(redirect_uris=[f"{ORIGIN}/callback", "http://localhost:3000/cb"])


def allowed(response):
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/userinfo", "/oauth/revoke"])
def test_N04_a_public_clients_page_may_ask(idp, spa, path):
    for origin in (ORIGIN, "http://localhost:3000"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = idp.http()("OPTIONS", path, None, headers)
        assert response.status == 204
        assert allowed(response) == origin
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"


ELSEWHERE = [
    "https://evil.example",
    "https://spa.example.evil.example",
    "https://evilspa.example",
    "http://spa.example",
    "https://spa.example:8443",
    "https://spa.example/",
    "https://SPA.example",
    "https://sub.spa.example",
    "null",
    "*",
    "file://",
    "http://localhost:3001",
    "https://spa.example, https://evil.example",
]


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/userinfo", "/oauth/revoke"])
def test_N04_no_other_page_may(idp, spa, path, origin):
    response = idp.http()("OPTIONS", path, None, {"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert allowed(response) is None
    assert "Access-Control-Allow-Methods" not in response.headers
    response = idp.http()("POST", path, {"x": "y"}, {"Origin": origin})
    assert allowed(response) is None


@pytest.mark.parametrize("origin", ["https://evil.example", ORIGIN])
@pytest.mark.parametrize("path", ["/oauth/authorize", "/logout", "/logout/confirm", "/consent", "/oauth/introspect"])
def test_N04_pages_and_introspection_are_never_readable(idp, spa, path, origin):
    for method in ("OPTIONS", "GET", "POST"):
        response = idp.http()(method, path, None, {"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert "Access-Control-Allow-Origin" not in response.headers


def test_N04_a_page_signs_in_from_its_own_origin(idp, spa, browser):
    code = spa.code(browser)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": spa.redirect_uri,
        "code_verifier": spa.pending[-1].verifier,
    }
    response = spa.token(form, {"Origin": ORIGIN})
    assert response.status == 200
    assert allowed(response) == ORIGIN
    token = response.json["access_token"]
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {token}"}
    assert allowed(idp.http()("GET", "/oauth/userinfo", None, headers)) == ORIGIN
    form = {"token": token, "client_id": spa.client_id}
    assert allowed(idp.http()("POST", "/oauth/revoke", form, {"Origin": ORIGIN})) == ORIGIN


def test_N04_errors_are_readable_too(idp, spa):
    response = spa.token({"grant_type": "authorization_code", "code": "x"}, {"Origin": ORIGIN})
    assert response.status == 400
    assert allowed(response) == ORIGIN
    assert allowed(idp.http()("GET", "/oauth/userinfo", None, {"Origin": ORIGIN})) == ORIGIN


def test_N04_one_clients_page_cannot_read_anothers_answer(idp, spa, browser):
    other = idp.public_party(redirect_uris=["https://other.example/cb"])
    response = spa.token({"grant_type": "authorization_code", "code": "x"}, {"Origin": "https://other.example"})
    assert allowed(response) is None
    token = spa.sign_in(browser).access
    headers = {"Origin": "https://other.example", "Authorization": f"Bearer {token}"}
    assert allowed(idp.http()("GET", "/oauth/userinfo", None, headers)) is None
    assert other.client_id != spa.client_id


def test_N04_confidential_and_disabled_clients_have_no_origin(idp, spa):
    idp.party(redirect_uris=["https://secret.example/cb"])
    ask = {"Access-Control-Request-Method": "POST"}
    assert allowed(idp.http()("OPTIONS", "/oauth/token", None, {"Origin": "https://secret.example", **ask})) is None
    assert allowed(idp.http()("OPTIONS", "/oauth/token", None, {"Origin": ORIGIN, **ask})) == ORIGIN
    disable_client(idp.app, spa.client_id)
    assert allowed(idp.http()("OPTIONS", "/oauth/token", None, {"Origin": ORIGIN, **ask})) is None
