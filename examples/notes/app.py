"""Notes: a relying party in Flask and Authlib, by OpenID Connect (authorization code with PKCE).

Run it with the issuer and the client that was registered for it:

    NOTES_ISSUER=http://localhost:8000 NOTES_CLIENT_ID=... NOTES_CLIENT_SECRET_FILE=... python app.py
"""

import logging
import os
import secrets
from pathlib import Path

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template, request, session, url_for
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from werkzeug import Response
from werkzeug.serving import run_simple

ISSUER = os.environ.get("NOTES_ISSUER", "http://localhost:8000")
ADDRESS = os.environ.get("NOTES_ADDRESS", "http://notes.localhost:8001")
if ISSUER.startswith("http://localhost"):
    # Plain http is fine on this machine alone.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
CLIENT_ID = os.environ.get("NOTES_CLIENT_ID", "demo-notes")

app = Flask(__name__)
app.secret_key = os.environ.get("NOTES_SESSION_KEY") or secrets.token_bytes(32)
# Cookies know no port: a name of its own keeps this one apart from those of other apps on the same host.
app.config.update(SESSION_COOKIE_NAME="notes", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")

oauth = OAuth(app)
oauth.register(
    "doorward",
    client_id=CLIENT_ID,
    client_secret=Path(os.environ["NOTES_CLIENT_SECRET_FILE"]).read_text(encoding="ascii").strip(),
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email groups", "code_challenge_method": "S256"},
)

# The sign-in server's sessions that have ended (sid); an app with a session store deletes those sessions instead.
ended: set[str] = set()


@app.get("/")
def home() -> str:
    """Show who is signed in, unless they have signed out at the sign-in server."""
    person = session.get("person")
    if person is not None and person["sid"] in ended:
        session.clear()
    return render_template("page.html", person=session.get("person"))


@app.get("/login")
def login() -> Response:
    """Send the browser to the sign-in server."""
    return oauth.doorward.authorize_redirect(f"{ADDRESS}/callback")


@app.get("/callback")
def callback() -> Response | tuple[str, int]:
    """Take the answer: Authlib checks state, nonce and the ID token's signature and claims."""
    try:
        token = oauth.doorward.authorize_access_token()
    except OAuthError as error:
        return render_template("page.html", person=None, problem=error.description or error.error), 400
    session.clear()
    session["person"] = {name: token["userinfo"].get(name) for name in ("sub", "name", "email", "groups", "sid")}
    session["id_token"] = token["id_token"]
    return redirect(url_for("home"), 303)


@app.post("/logout")
def logout() -> Response:
    """Sign out here and at the sign-in server."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return Response("Sign out from the page itself.", 403)
    hint = session.get("id_token")
    session.clear()
    if hint is None:
        return redirect(url_for("home"), 303)
    return oauth.doorward.logout_redirect(post_logout_redirect_uri=f"{ADDRESS}/", id_token_hint=hint)


@app.post("/backchannel-logout")
def backchannel_logout() -> Response:
    """Hear from the sign-in server that a session ended (OpenID Connect Back-Channel Logout)."""
    registry = JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": CLIENT_ID},
        exp={"essential": True},
        sid={"essential": True},
    )
    try:
        token = decoded(request.form.get("logout_token", ""))
        registry.validate(token.claims)
    except (JoseError, ValueError):
        return Response("This is no logout token.", 400)
    is_logout = token.header.get("typ") == "logout+jwt" and LOGOUT_EVENT in token.claims.get("events", {})
    if not is_logout or "nonce" in token.claims:
        return Response("This is no logout token.", 400)
    ended.add(token.claims["sid"])
    return Response(status=200, headers={"Cache-Control": "no-store"})


def decoded(token: str) -> jwt.Token:
    """Verify a token; a key that is not known yet is one that began to sign since the key set was fetched."""
    for fetch_again in (False, True):
        keys = KeySet.import_key_set(oauth.doorward.fetch_jwk_set(force=fetch_again))
        try:
            return jwt.decode(token, keys, algorithms=["RS256"])
        except InvalidKeyIdError:
            continue
    raise ValueError("no such key")


if __name__ == "__main__":
    # An authorization code or a token must not stand in a log, and Flask's own server would write each address there.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", int(os.environ.get("NOTES_PORT", "8001")), app, threaded=True)
