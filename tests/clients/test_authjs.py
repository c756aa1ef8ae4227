"""Auth.js in Express: discovery, PKCE, state, nonce, Basic; the person is read from the ID token."""

import pytest

from tests.clients.provider import EMAIL, NAME, NODE


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("authjs", f"http://localhost:{port}")
    settings = {"AUTH_SECRET": "0123456789abcdef" * 2, "AUTH_TRUST_HOST": "true", "NODE_ENV": "production"}
    start([NODE, "app.js"], port=port, folder="authjs", environment={**registered.environment, **settings})
    return registered


def sign_in(app, visitor):
    page = visitor.open(f"{app.address}/auth/signin")
    [form] = [form for form in page.forms if form.action.endswith("/auth/signin/doorward")]
    return visitor.answer(visitor.submit(page, form))


def test_a_person_signs_in_and_out(app, visitor):
    assert visitor.open(f"{app.address}/").has("login")
    sign_in(app, visitor)
    page = visitor.open(f"{app.address}/")

    assert NAME in page.text
    assert EMAIL in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert {"state", "nonce", "code_challenge"} <= asked.keys()

    page = visitor.click(page, "logout")
    [form] = page.forms
    visitor.submit(page, form)

    assert visitor.open(f"{app.address}/").has("login")
    # It signs nobody out of the provider: the next sign-in asks for nothing.
    before = len(visitor.history)
    sign_in(app, visitor)
    assert NAME in visitor.open(f"{app.address}/").text
    assert all(visit.status == 302 for visit in visitor.history[before:] if visit.url.startswith(app.issuer))


def test_two_sign_ins_of_one_person_in_the_same_second(app, visitor):
    for _ in range(4):
        sign_in(app, visitor)
        assert NAME in visitor.open(f"{app.address}/").text
