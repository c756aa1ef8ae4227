"""Django REST Framework with simplejwt as a resource server: `JWK_URL`, an audience of its own, no users."""

from dataclasses import replace

import httpx
import pytest

from bench.server import free_port
from tests.clients.code_flow import subject_of, tokens_of
from tests.clients.django_site import start_site

TOMORROW = """
from datetime import datetime, timedelta

import jwt.api_jwt

from settings import *


class Tomorrow(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=1)


jwt.api_jwt.datetime = Tomorrow
"""
API = "https://api.example.com"


@pytest.fixture(scope="module")
def api(provider, start, port):
    registered = provider.register("django_rest_framework", f"http://localhost:{port}")
    start_site(start, "django_rest_framework", registered, ready="/me")
    return registered


def call(api, token):
    return httpx.get(f"{api.address}/me", headers={"Authorization": f"Bearer {token}"})


def test_the_api_takes_an_access_token_that_is_meant_for_it(api, visitor):
    tokens = tokens_of(api, visitor, resource=API)
    answer = call(api, tokens["access_token"])

    assert (answer.status_code, answer.json()) == (
        200,
        {"id": subject_of(tokens["id_token"]), "scope": "openid profile email"},
    )


def test_the_api_refuses_what_is_not_an_access_token_for_it(api, visitor):
    meant_for_it = tokens_of(api, visitor, resource=API)
    for_the_provider = tokens_of(api, visitor)
    header, payload, signature = meant_for_it["access_token"].split(".")
    other_payload = for_the_provider["access_token"].split(".")[1]

    assert httpx.get(f"{api.address}/me").status_code == 401
    for token in (
        meant_for_it["id_token"],
        for_the_provider["access_token"],
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
    ):
        answer = call(api, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_the_api_refuses_an_expired_access_token(api, provider, start, visitor, tmp_path):
    # The same API, whose clock is a day ahead of the provider's.
    (tmp_path / "tomorrow.py").write_text(TOMORROW)
    tomorrow = replace(api, address=f"http://localhost:{free_port()}")
    later = {"DJANGO_SETTINGS_MODULE": "tomorrow", "PYTHONPATH": f"{tmp_path}:."}
    start_site(start, "django_rest_framework", tomorrow, ready="/me", **later)
    token = tokens_of(api, visitor, resource=API)["access_token"]

    assert call(api, token).status_code == 200
    refused = call(tomorrow, token)
    assert refused.status_code == 401
    assert refused.json()["messages"][0]["message"] == "Token is expired"
