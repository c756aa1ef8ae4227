"""The two services of `examples/statements`: one has its words signed, the other believes them with PyJWT alone."""

import json
import subprocess

import httpx
import pytest

from tests.clients.provider import PYTHON, ROOT
from tests.relying_party import forged

FOLDER = ROOT / "examples" / "statements"
ORDER = {"order": 4711, "total": "12.50", "note": "für Über­see"}
MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": [], "scope": "idp:sign"}


@pytest.fixture(scope="module")
def shop(provider):
    return provider.add({"client_name": "Shop", **MACHINE})


@pytest.fixture(scope="module")
def billing(provider, start, port, shop):
    registered = provider.add({"client_name": "Billing", **MACHINE})
    environment = {
        "BILLING_ISSUER": provider.issuer,
        "BILLING_CLIENT_ID": registered["client_id"],
        "BILLING_SHOP": shop["client_id"],
        "BILLING_PORT": str(port),
    }
    start([PYTHON, "billing.py"], port=port, folder=FOLDER, environment=environment)
    return registered


def charge(port, token):
    return httpx.post(f"http://localhost:{port}/charges", content=token)


def signed(provider, sender, audience, statement=None):
    """Have a statement signed, without the code of the example."""
    form = {"grant_type": "client_credentials", "scope": "idp:sign"}
    basic = (sender["client_id"], sender["client_secret"])
    token = httpx.post(f"{provider.issuer}/oauth/token", data=form, auth=basic).json()["access_token"]
    body = {"audience": audience["client_id"], "statement": statement or ORDER}
    answer = httpx.post(f"{provider.issuer}/oauth/sign", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()["token"], token


def test_billing_believes_the_shop(provider, shop, billing, port):
    environment = {
        "SHOP_ISSUER": provider.issuer,
        "SHOP_CLIENT_ID": shop["client_id"],
        "SHOP_CLIENT_SECRET": shop["client_secret"],
    }
    words = [PYTHON, "shop.py", json.dumps(ORDER), billing["client_id"], f"http://localhost:{port}/charges"]
    done = subprocess.run(words, cwd=FOLDER, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"charged": ORDER}


def test_tampering_replay_another_audience_and_another_sender_are_caught(provider, shop, billing, port):
    good, access_token = signed(provider, shop, billing)
    for altered in forged(good):
        assert charge(port, altered).status_code == 400
    assert charge(port, good).status_code == 201
    assert charge(port, good).json() == {"refused": "it came before"}
    stranger = provider.add({"client_name": "Stranger", **MACHINE})
    assert charge(port, signed(provider, stranger, billing)[0]).json() == {"refused": "it is not by the shop"}
    assert "Audience" in charge(port, signed(provider, shop, stranger)[0]).json()["refused"]
    assert charge(port, access_token).json() == {"refused": "it is another kind of token"}
