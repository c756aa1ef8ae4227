import os

from flask import Flask, redirect, render_template_string, request, session, url_for
from idpyoidc.client.defaults import DEFAULT_KEY_DEFS
from idpyoidc.client.rp_handler import RPHandler

ISSUER = os.environ["OIDC_ISSUER"]
ADDRESS = os.environ.get("APP_ADDRESS", "http://localhost:9000")

app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32)), SESSION_COOKIE_NAME="idpyoidc")

configuration = {
    "client_type": "oidc",
    "issuer": ISSUER,
    "redirect_uris": [f"{ADDRESS}/callback"],
    "post_logout_redirect_uris": [f"{ADDRESS}/"],
    "response_types_supported": ["code"],
    "scopes_supported": ["openid", "profile", "email"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "services": {
        name: {"class": f"idpyoidc.client.oidc.{place}"}
        for name, place in {
            "discovery": "provider_info_discovery.ProviderInfoDiscovery",
            "registration": "registration.Registration",
            "authorization": "authorization.Authorization",
            "access_token": "access_token.AccessToken",
            "userinfo": "userinfo.UserInfo",
            "end_session": "end_session.EndSession",
        }.items()
    },
    "add_ons": {
        "pkce": {
            "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
            "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
        }
    },
}
if "OIDC_CLIENT_ID" in os.environ:
    configuration |= {
        "client_id": os.environ["OIDC_CLIENT_ID"],
        "client_secret": os.environ["OIDC_CLIENT_SECRET"],
    }
# Keys of its own, in memory, at an address that it names when it registers itself.
parties = RPHandler(
    base_url=ADDRESS,
    client_configs={ISSUER: configuration},
    key_conf={"key_defs": DEFAULT_KEY_DEFS},
    jwks_path="jwks",
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


@app.get("/jwks")
def jwks():
    return parties.keyjar.export_jwks()


@app.get("/login")
def login():
    return redirect(parties.begin(ISSUER))


@app.get("/callback")
def callback():
    result = parties.finalize(ISSUER, request.args.to_dict())
    if "error" in result:
        return str(result["error"]), 400
    session["user"] = {name: result["userinfo"].get(name) for name in ("sub", "name", "email")}
    session["state"] = result["state"]
    return redirect(url_for("home"))


@app.get("/logout")
def logout():
    state = session.pop("state")
    session.clear()
    return redirect(parties.logout(state, post_logout_redirect_uri=f"{ADDRESS}/")["url"])
