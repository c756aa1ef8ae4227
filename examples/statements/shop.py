"""Shop: has a statement signed for billing, and hands it over by whatever way there is; here by HTTP.

SHOP_ISSUER=... SHOP_CLIENT_ID=... SHOP_CLIENT_SECRET=... python shop.py '{"order": 4711}' BILLING_CLIENT_ID ADDRESS
"""

import json
import os
import sys

import httpx

ISSUER = os.environ.get("SHOP_ISSUER", "http://localhost:8000")
CLIENT_ID = os.environ.get("SHOP_CLIENT_ID", "demo-shop")
CLIENT_SECRET = os.environ.get("SHOP_CLIENT_SECRET", "")


def own_token() -> str:
    """Return an access token of the shop itself; it may be kept until it runs out."""
    form = {"grant_type": "client_credentials", "scope": "idp:sign"}
    answer = httpx.post(f"{ISSUER}/oauth/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET))
    return answer.raise_for_status().json()["access_token"]


def signed(statement: dict, audience: str) -> str:
    """Have *statement* signed for the app *audience*."""
    body = {"audience": audience, "statement": statement, "expires_in": 60}
    answer = httpx.post(f"{ISSUER}/oauth/sign", json=body, headers={"Authorization": f"Bearer {own_token()}"})
    return answer.raise_for_status().json()["token"]


if __name__ == "__main__":
    # What is to be charged, for whom it is signed, and where it goes.
    order, audience, address = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.stdout.write(httpx.post(address, content=signed(order, audience)).text)
