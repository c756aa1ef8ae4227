"""passport-openidconnect: no discovery, no PKCE, the secret in the form, userinfo."""

import pytest

from tests.clients.provider import EMAIL, NAME, NODE, PASSWORD


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("passport_openidconnect", f"http://localhost:{port}")
    start([NODE, "app.js"], port=port, folder="passport_openidconnect", environment=registered.environment)
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.open(f"{app.address}/")
    page = visitor.answer(visitor.click(page, "login"))

    assert (page.status, page.url) == (200, f"{app.address}/"), page.text
    assert NAME in page.text
    assert EMAIL in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert {"state", "nonce"} <= asked.keys()
    assert "code_challenge" not in asked

    page = visitor.sign_out(visitor.click(page, "logout"))

    # It sends hint and address, and neither client_id nor state.
    assert visitor.visits("/logout?")[0].query.keys() == {"id_token_hint", "post_logout_redirect_uri"}
    assert page.url == f"{app.address}/"
    assert page.has("login")
    assert visitor.open(f"{app.address}/login").has("login-submit")


def test_whoever_does_not_allow_it_is_not_signed_in(app, provider, visitor):
    provider.add_person("bo", email="bo@people.example", name="Bo")
    page = visitor.click(visitor.open(f"{app.address}/login"), "login-submit", username="bo", password=PASSWORD)
    page = visitor.click(page, "consent-deny")
    assert (page.status, page.url) == (401, f"{app.address}/failed")
    assert visitor.open(f"{app.address}/").has("login")
