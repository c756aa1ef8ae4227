"""Flask with pyoidc: discovery, nonce, no PKCE, Basic with `state` in the body, userinfo by POST."""

import pytest

from tests.clients.provider import EMAIL, NAME, PYTHON


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("pyoidc", f"http://localhost:{port}")
    start(
        [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="pyoidc",
        environment=registered.environment,
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.answer(visitor.click(visitor.open(f"{app.address}/"), "login"))

    assert page.url == f"{app.address}/"
    assert f"{NAME} ({EMAIL})" in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert {"nonce", "state"} <= asked.keys()
    assert "code_challenge" not in asked

    # No hint comes with it, so Doorward asks, and the way back is a link.
    page = visitor.click(page, "logout")
    assert page.has("logout-confirm")
    page = visitor.sign_out(page)
    assert "You are signed out" in page.text
    page = visitor.click(page, "logout-continue")

    assert page.url.partition("?")[0] == f"{app.address}/"
    assert page.has("login")
