"""openid-client in Express: discovery, PKCE, state, nonce, userinfo, refresh, revocation, every response mode."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.server import free_port
from tests.clients.provider import EMAIL, NAME, NODE, PASSWORD, USERNAME

MODES = ("query", "form_post", "jwt")
PARAMETERS = {"form_post": set(), "jwt": {"response"}}


@pytest.fixture(scope="module", params=MODES)
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def app(provider, start, mode):
    port = free_port()
    registered = provider.register("openid_client", f"http://localhost:{port}")
    start(
        [NODE, "app.js"],
        port=port,
        folder="openid_client",
        environment={**registered.environment, "RESPONSE_MODE": mode},
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor, mode):
    page = visitor.open(f"{app.address}/")
    page = visitor.answer(visitor.click(page, "login"))

    assert (page.status, page.url) == (200, f"{app.address}/"), page.text
    assert NAME in page.text
    assert EMAIL in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    [answered] = visitor.visits(f"{app.address}/callback")
    assert answered.method == ("POST" if mode == "form_post" else "GET")
    parameters = answered.query.keys()
    assert parameters >= {"code", "state", "iss"} if mode == "query" else parameters == PARAMETERS[mode]

    page = visitor.sign_out(visitor.click(page, "logout"))

    assert page.url == f"{app.address}/"
    assert page.has("login")
    assert visitor.open(f"{app.address}/login").has("login-submit")


def test_refresh_tokens_rotate(app, visitor):
    page = visitor.click(visitor.open(f"{app.address}/login"), "login-submit", username=USERNAME, password=PASSWORD)
    page = visitor.click(page, "consent-allow", scope="offline_access")
    for _ in range(3):
        page = visitor.click(page, "refresh")
        assert page.status == 200, page.text
        assert NAME in page.text


def test_two_sign_ins_of_one_person_in_the_same_second(app, visitor):
    visitor.sign_in(f"{app.address}/login")
    for _ in range(4):
        assert NAME in visitor.sign_in(f"{app.address}/login").text


def test_the_hybrid_flow_answers_with_code_and_id_token_at_once(provider, start, visitor):
    port = free_port()
    grants = ["authorization_code", "implicit", "refresh_token"]
    hybrid = {"response_types": ["code id_token"], "grant_types": grants}
    app = provider.register("openid_client", f"http://localhost:{port}", **hybrid)
    settings = {"RESPONSE_MODE": "form_post", "RESPONSE_TYPE": "code id_token"}
    start([NODE, "app.js"], port=port, folder="openid_client", environment={**app.environment, **settings})
    assert NAME in visitor.sign_in(f"{app.address}/login").text
    assert visitor.visits("/oauth/authorize?")[0].query["response_type"] == "code id_token"


@pytest.fixture
def key_file(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_key_takes_the_place_of_a_secret(provider, start, visitor, key_file):
    port = free_port()
    address = f"http://localhost:{port}"
    method = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"{address}/jwks.json"}
    app = provider.register("openid_client", address, **method)
    assert app.client_secret == ""
    start(
        [NODE, "app.js"],
        port=port,
        folder="openid_client",
        environment={**app.environment, "KEY_FILE": str(key_file)},
    )
    page = visitor.click(visitor.open(f"{address}/login"), "login-submit", username=USERNAME, password=PASSWORD)
    page = visitor.click(page, "consent-allow", scope="offline_access")
    assert NAME in page.text
    assert NAME in visitor.click(page, "refresh").text
    assert visitor.sign_out(visitor.click(page, "logout")).has("login")
