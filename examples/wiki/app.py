"""Wiki: a relying party in Flask and PyJWT, by the plain JWT redirect: a public key and a few lines, no OIDC library.

Run it with the issuer and the client that was registered for it:

    WIKI_ISSUER=http://localhost:8000 WIKI_CLIENT_ID=... python app.py
"""

import hmac
import logging
import os
import secrets
import threading
import time

import jwt
from flask import Flask, redirect, render_template, request, session, url_for
from werkzeug import Response
from werkzeug.serving import run_simple

ISSUER = os.environ.get("WIKI_ISSUER", "http://localhost:8000")
CLIENT_ID = os.environ.get("WIKI_CLIENT_ID", "demo-wiki")
NONCE_COOKIE = "wiki-nonce"

app = Flask(__name__)
app.secret_key = os.environ.get("WIKI_SESSION_KEY") or secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_NAME="wiki", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")

keys = jwt.PyJWKClient(f"{ISSUER}/oauth/jwks")
# Each token is good once: its id is remembered until it would have expired. One process serves this sample; with
# several, keep the ids where all of them look.
used: dict[str, float] = {}
looking = threading.Lock()


@app.get("/")
def home() -> str:
    """Show who is signed in."""
    return render_template("page.html", person=session.get("person"))


@app.get("/login")
def login() -> Response:
    """Send the browser to the sign-in server, and remember a nonce in a cookie of its own."""
    nonce = secrets.token_urlsafe(24)
    answer = redirect(f"{ISSUER}/sso/{CLIENT_ID}?nonce={nonce}", 303)
    # The answer is a form posted from another site, and a Lax cookie does not come with that.
    answer.set_cookie(NONCE_COOKIE, nonce, max_age=600, httponly=True, secure=True, samesite="None")
    return answer


@app.post("/sso")
def signed_in() -> Response | tuple[str, int]:
    """Take the token that the browser brings."""
    try:
        claims = claims_of(request.form.get("jwt", ""))
    except jwt.PyJWTError as error:
        return render_template("page.html", person=None, problem=f"The sign-in was refused: {error}."), 400
    session.clear()
    session["person"] = {name: claims.get(name) for name in ("sub", "name", "email")}
    answer = redirect(url_for("home"), 303)
    answer.delete_cookie(NONCE_COOKIE, secure=True, httponly=True, samesite="None")
    return answer


def claims_of(token: str) -> dict:
    """Return what the token says of the person; these ten lines are all that a relying party needs."""
    key = keys.get_signing_key_from_jwt(token)
    required = {"require": ["exp", "iat", "jti", "sub"]}
    claims = jwt.decode(token, key, ["RS256"], audience=CLIENT_ID, issuer=ISSUER, options=required)
    expected = request.cookies.get(NONCE_COOKIE, "")
    if not expected or not hmac.compare_digest(expected, str(claims.get("nonce", ""))):
        raise jwt.InvalidTokenError("it was not asked for by this browser")
    if not is_first_use(claims["jti"], claims["exp"]):
        raise jwt.InvalidTokenError("it was used before")
    return claims


def is_first_use(jti: str, expires: float) -> bool:
    """Remember the id of a token until it would have expired, and tell whether it is new."""
    with looking:
        for old in [old for old, until in used.items() if until < time.time()]:
            del used[old]
        is_new = jti not in used
        used[jti] = expires
    return is_new


@app.post("/logout")
def logout() -> Response:
    """Sign out of the wiki alone."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return Response("Sign out from the page itself.", 403)
    session.clear()
    return redirect(url_for("home"), 303)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", int(os.environ.get("WIKI_PORT", "8002")), app, threaded=True)
