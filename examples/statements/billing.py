"""Billing: believes a charge when the sign-in server vouches that the shop said it, to billing, a moment ago, and once.

BILLING_ISSUER=http://localhost:8000 BILLING_CLIENT_ID=... BILLING_SHOP=... python billing.py
"""

import logging
import os
import time

import jwt
from flask import Flask, request
from werkzeug.serving import run_simple

ISSUER = os.environ.get("BILLING_ISSUER", "http://localhost:8000")
CLIENT_ID = os.environ.get("BILLING_CLIENT_ID", "demo-billing")
# The one app that may say what to charge.
SHOP = os.environ.get("BILLING_SHOP", "demo-shop")

app = Flask(__name__)
keys = jwt.PyJWKClient(f"{ISSUER}/oauth/jwks")
# Each statement counts once. One process serves this sample; with several, keep the ids where all of them look.
used: dict[str, float] = {}


def read(token: str) -> dict:
    """Return what the shop says, once it is known to be the shop."""
    if jwt.get_unverified_header(token).get("typ") != "statement+jwt":
        raise jwt.InvalidTokenError("it is another kind of token")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS256"],
        audience=CLIENT_ID,
        issuer=ISSUER,
        options={"require": ["exp", "iat", "jti", "sub", "statement"]},
    )
    if claims["sub"] != SHOP:
        raise jwt.InvalidTokenError("it is not by the shop")
    for jti in [jti for jti, expires in used.items() if expires < time.time()]:
        del used[jti]
    if claims["jti"] in used:
        raise jwt.InvalidTokenError("it came before")
    used[claims["jti"]] = claims["exp"]
    return claims["statement"]


@app.get("/")
def home() -> dict:
    """Say that billing is there."""
    return {"service": "billing"}


@app.post("/charges")
def charge() -> tuple[dict, int]:
    """Take a signed order."""
    try:
        order = read(request.get_data(as_text=True))
    except jwt.PyJWTError as error:
        return {"refused": str(error)}, 400
    return {"charged": order}, 201


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", int(os.environ.get("BILLING_PORT", "8003")), app, threaded=True)
