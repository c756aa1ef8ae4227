import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, session, url_for

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32)),
    SESSION_COOKIE_NAME="flask_authlib",
    DOORWARD_CLIENT_ID=os.environ["OIDC_CLIENT_ID"],
    DOORWARD_CLIENT_SECRET=os.environ["OIDC_CLIENT_SECRET"],
)

oauth = OAuth(app)
oauth.register(
    name="doorward",
    server_metadata_url=os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)

PAGE = """
{% if user %}
  <p>{{ user.name }} ({{ user.email }})</p>
  <a id="logout" href="{{ url_for('logout') }}">Sign out</a>
{% else %}
  <a id="login" href="{{ url_for('login') }}">Sign in</a>
{% endif %}
"""


@app.get("/")
def home():
    return render_template_string(PAGE, user=session.get("user"))


@app.get("/login")
def login():
    return oauth.doorward.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    # Checks state, nonce, and the signature and claims of the ID token.
    token = oauth.doorward.authorize_access_token()
    session["user"] = {name: token["userinfo"].get(name) for name in ("sub", "name", "email")}
    session["id_token"] = token["id_token"]
    return redirect(url_for("home"))


@app.get("/logout")
def logout():
    hint = session.pop("id_token", None)
    session.clear()
    return oauth.doorward.logout_redirect(
        post_logout_redirect_uri=url_for("home", _external=True),
        id_token_hint=hint,
    )
