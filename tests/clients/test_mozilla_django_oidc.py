"""Django with mozilla-django-oidc: no discovery, nonce, secret in the body; asks by `prompt=none` every few minutes."""

import time

import pytest

from tests.clients.django_site import start_site
from tests.clients.provider import EMAIL, NAME, USERNAME


@pytest.fixture(scope="module")
def site(provider, start, port, tmp_path_factory):
    registered = provider.register("mozilla_django_oidc", f"http://localhost:{port}")
    start_site(start, "mozilla_django_oidc", registered, tmp_path_factory.mktemp("site"), RENEW_SECONDS="1")
    return registered


def sign_in(site, visitor):
    return visitor.answer(visitor.click(visitor.open(f"{site.address}/"), "login"))


def test_a_person_signs_in_and_out(site, visitor):
    page = sign_in(site, visitor)

    assert f"{NAME} ({USERNAME}, {EMAIL})" in page.text

    page = visitor.sign_out(visitor.click(page, "logout"))

    assert page.url.partition("?")[0] == f"{site.address}/"
    assert page.has("login")
    assert visitor.click(page, "login").has("login-submit")


def test_the_session_is_renewed_without_a_page(site, visitor):
    sign_in(site, visitor)
    time.sleep(1.1)
    before = len(visitor.history)
    page = visitor.open(f"{site.address}/")

    assert NAME in page.text
    silent = [visit for visit in visitor.history[before:] if "prompt=none" in visit.url]
    assert {visit.status for visit in silent} == {302}
    assert all(visit.status == 302 for visit in visitor.history[before:-1])


def test_who_signed_out_at_the_provider_is_signed_out_at_the_next_renewal(site, visitor):
    sign_in(site, visitor)
    signed_out = visitor.sign_out(visitor.open(f"{visitor.issuer}/logout"))
    assert "signed out" in signed_out.text
    time.sleep(1.1)
    visitor.open(f"{site.address}/")

    refused = visitor.visits("error=")[-1]
    assert refused.query["error"] == "login_required"
    assert {"state", "iss"} <= refused.query.keys()
    assert visitor.open(f"{site.address}/").has("login")
