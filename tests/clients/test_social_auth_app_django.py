"""Django with social-auth-app-django: discovery, nonce, Basic, scopes named twice; with PKCE and without."""

import pytest

from bench.server import free_port
from tests.clients.django_site import start_site
from tests.clients.provider import EMAIL, NAME, USERNAME

WITHOUT_PKCE = """
from settings import *

SOCIAL_AUTH_OIDC_USE_PKCE = False
"""


@pytest.fixture(scope="module")
def site(provider, start, port, tmp_path_factory):
    registered = provider.register("social_auth_app_django", f"http://localhost:{port}")
    start_site(start, "social_auth_app_django", registered, tmp_path_factory.mktemp("site"))
    return registered


def sign_in(site, visitor):
    return visitor.answer(visitor.click(visitor.open(f"{site.address}/"), "login"))


def test_a_person_signs_in_and_out(site, visitor):
    page = sign_in(site, visitor)

    assert page.url == f"{site.address}/"
    assert f"{NAME} ({USERNAME}, {EMAIL})" in page.text
    assert {"nonce", "state", "code_challenge"} <= visitor.visits("/oauth/authorize?")[0].query.keys()

    page = visitor.click(page, "logout")

    assert page.has("login")


def test_it_signs_in_as_it_comes_without_pkce(provider, start, visitor, tmp_path):
    (tmp_path / "without_pkce.py").write_text(WITHOUT_PKCE)
    address = f"http://localhost:{free_port()}"
    registered = provider.register("social_auth_app_django", address, require_pkce=False)
    own = {"DJANGO_SETTINGS_MODULE": "without_pkce", "PYTHONPATH": f"{tmp_path}:."}
    start_site(start, "social_auth_app_django", registered, tmp_path, **own)

    assert f"{NAME} ({USERNAME}, {EMAIL})" in sign_in(registered, visitor).text
    assert "code_challenge" not in visitor.visits("/oauth/authorize?")[0].query
