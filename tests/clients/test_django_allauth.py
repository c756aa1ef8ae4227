"""Django with allauth: discovery, PKCE, no nonce, secret in the body, userinfo; trusts `email_verified`."""

import pytest

from tests.clients.django_site import start_site
from tests.clients.provider import EMAIL, NAME, USERNAME


@pytest.fixture(scope="module")
def site(provider, start, port, tmp_path_factory):
    registered = provider.register("django_allauth", f"http://localhost:{port}")
    start_site(start, "django_allauth", registered, tmp_path_factory.mktemp("site"))
    return registered


def test_a_person_signs_in_and_out(site, visitor):
    page = visitor.answer(visitor.click(visitor.open(f"{site.address}/"), "login"))

    # With a verification pending, allauth would show a page that asks to confirm the address.
    assert page.url == f"{site.address}/"
    assert f"{NAME} ({USERNAME}, {EMAIL})" in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert "nonce" not in asked
    assert asked["code_challenge_method"] == "S256"

    page = visitor.click(page, "logout")

    assert page.url == f"{site.address}/"
    assert page.has("login")


def test_who_comes_back_is_the_same_person(site, visitor):
    page = visitor.answer(visitor.click(visitor.open(f"{site.address}/"), "login"))
    page = visitor.click(visitor.click(page, "logout"), "login")

    assert page.url == f"{site.address}/"
    assert f"{NAME} ({USERNAME}, {EMAIL})" in page.text
