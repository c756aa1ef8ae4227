"""Flask with idpyoidc: discovery, PKCE, nonce, Basic with `client_id` and `state` in the body; signs out by hint."""

import pytest

from bench.server import free_port
from tests.clients.provider import EMAIL, NAME, PYTHON, Provider
from tests.clients.visitor import Visitor


@pytest.fixture(scope="module")
def app(provider, start, port):
    registered = provider.register("idpyoidc", f"http://localhost:{port}")
    start(
        [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="idpyoidc",
        environment=registered.environment,
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.answer(visitor.click(visitor.open(f"{app.address}/"), "login"))

    assert page.url == f"{app.address}/"
    assert f"{NAME} ({EMAIL})" in page.text
    assert {"nonce", "state", "code_challenge"} <= visitor.visits("/oauth/authorize?")[0].query.keys()

    page = visitor.sign_out(visitor.click(page, "logout"))

    assert page.url.partition("?")[0] == f"{app.address}/"
    assert page.has("login")
    assert visitor.open(f"{app.address}/login").has("login-submit")


def test_it_registers_itself_where_that_is_on(start, tmp_path):
    provider = Provider(tmp_path, {"IDP_REGISTRATION__MODE": "open"})
    port = free_port()
    address = f"http://localhost:{port}"
    try:
        provider.start()
        start(
            [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
            port=port,
            folder="idpyoidc",
            environment={"OIDC_ISSUER": provider.issuer, "APP_ADDRESS": address},
        )
        visitor = Visitor(provider.issuer)
        page = visitor.sign_in(f"{address}/login")
        visitor.close()
    finally:
        provider.stop()

    assert page.url == f"{address}/"
    assert f"{NAME} ({EMAIL})" in page.text
