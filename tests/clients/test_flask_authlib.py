"""Flask with Authlib: discovery, PKCE, nonce, Basic; the person is read from the ID token."""

import pytest

from tests.clients.provider import EMAIL, NAME, PYTHON


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("flask_authlib", f"http://localhost:{port}")
    start(
        [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="flask_authlib",
        environment={**registered.environment, "AUTHLIB_INSECURE_TRANSPORT": "1"},
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.open(f"{app.address}/")
    page = visitor.answer(visitor.click(page, "login"))

    assert (page.status, page.url) == (200, f"{app.address}/")
    assert NAME in page.text
    assert EMAIL in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce"} <= asked.keys()

    page = visitor.sign_out(visitor.click(page, "logout"))

    assert page.url.partition("?")[0] == f"{app.address}/"
    assert page.has("login")
    assert visitor.open(f"{app.address}/login").has("login-submit")


def test_who_is_signed_in_already_sees_no_page_of_the_provider(app, visitor):
    visitor.sign_in(f"{app.address}/login")
    before = len(visitor.history)
    page = visitor.open(f"{app.address}/login")

    assert NAME in page.text
    assert [visit.status for visit in visitor.history[before:-1]] == [302] * (len(visitor.history) - before - 1)


def test_two_sign_ins_of_one_person_in_the_same_second(app, provider, visitor):
    visitor.sign_in(f"{app.address}/login")
    for _ in range(4):
        assert NAME in visitor.open(f"{app.address}/login").text
