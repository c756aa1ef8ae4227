"""FastAPI with PyJWT as a resource server: keys by `PyJWKClient`, an audience of its own."""

import httpx
import pytest

from tests.clients.code_flow import subject_of, tokens_of
from tests.clients.provider import PYTHON

API = "https://api.example.com"


@pytest.fixture(scope="module")
def api(provider, start, port):
    registered = provider.register("fastapi_pyjwt", f"http://localhost:{port}")
    start(
        [PYTHON, "-m", "uvicorn", "api:app", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="fastapi_pyjwt",
        environment=registered.environment,
        ready="/docs",
    )
    return registered


def call(api, token):
    return httpx.get(f"{api.address}/me", headers={"Authorization": f"Bearer {token}"})


def test_the_api_takes_an_access_token_that_is_meant_for_it(api, visitor):
    tokens = tokens_of(api, visitor, resource=API)
    answer = call(api, tokens["access_token"])

    assert answer.status_code == 200
    assert answer.json() == {"id": subject_of(tokens["id_token"]), "scope": "openid profile email"}


def test_the_api_refuses_what_is_not_an_access_token_for_it(api, visitor):
    meant_for_it = tokens_of(api, visitor, resource=API)
    for_the_provider = tokens_of(api, visitor)
    header, payload, signature = meant_for_it["access_token"].split(".")
    other_payload = for_the_provider["access_token"].split(".")[1]

    assert httpx.get(f"{api.address}/me").status_code in {401, 403}
    for token in (
        meant_for_it["id_token"],
        for_the_provider["access_token"],
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
    ):
        assert call(api, token).status_code == 401
