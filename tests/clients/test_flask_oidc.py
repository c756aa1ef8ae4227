"""Flask with flask-oidc: discovery, nonce, no PKCE, secret in the body, userinfo."""

import pytest

from tests.clients.provider import EMAIL, NAME, PYTHON


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("flask_oidc", f"http://localhost:{port}")
    start(
        [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="flask_oidc",
        environment={**registered.environment, "AUTHLIB_INSECURE_TRANSPORT": "1"},
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.answer(visitor.click(visitor.open(f"{app.address}/"), "login"))

    assert page.url == f"{app.address}/"
    assert f"{NAME} ({EMAIL})" in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert "nonce" in asked
    assert "code_challenge" not in asked

    page = visitor.click(page, "logout")

    assert page.has("login")


def test_a_page_that_needs_a_sign_in_comes_after_it(app, visitor):
    page = visitor.sign_in(f"{app.address}/private")

    assert page.url == f"{app.address}/private"
    assert f"For {EMAIL} alone" in page.text


def test_the_cookie_that_holds_the_tokens_fits_into_a_browser(app, visitor):
    visitor.sign_in(f"{app.address}/login")

    assert len(f"flask_oidc={visitor.cookie('flask_oidc')}") < 4096
