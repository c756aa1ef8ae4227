"""express-openid-connect: discovery, Basic, the person from the ID token, back-channel logout."""

import time

import pytest

from tests.clients.provider import EMAIL, NAME, NODE
from tests.clients.visitor import Visitor


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("express_openid_connect", f"http://localhost:{port}")
    start([NODE, "app.js"], port=port, folder="express_openid_connect", environment=registered.environment)
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.open(f"{app.address}/")
    page = visitor.answer(visitor.click(page, "login"))

    assert (page.status, page.url.rstrip("/")) == (200, app.address), page.text
    assert NAME in page.text
    assert EMAIL in page.text
    assert {"state", "nonce"} <= visitor.visits("/oauth/authorize?")[0].query.keys()

    page = visitor.sign_out(visitor.click(page, "logout"))

    asked = visitor.visits(f"{app.issuer}/logout?")[0].query
    assert {"id_token_hint", "post_logout_redirect_uri"} <= asked.keys()
    assert page.has("login"), page.text
    assert visitor.open(f"{app.address}/login").has("login-submit")


def test_a_sign_out_at_the_provider_ends_the_session_by_the_back_channel(app, provider, visitor):
    provider.add_person("ella", email="ella@people.example", name="Ella Fuchs")
    visitor.sign_in(f"{app.address}/login")
    assert NAME in visitor.open(f"{app.address}/").text
    other = Visitor(provider.issuer)
    try:
        other.sign_in(f"{app.address}/login", "ella")

        visitor.sign_out(visitor.open(f"{app.issuer}/logout"))

        deadline = time.monotonic() + 60
        while not visitor.open(f"{app.address}/").has("login"):
            assert time.monotonic() < deadline, "no logout token has ended the session"
            time.sleep(0.1)
        assert "Ella Fuchs" in other.open(f"{app.address}/").text
    finally:
        other.close()
    # The next sign-in counts again.
    assert NAME in visitor.sign_in(f"{app.address}/login").text
