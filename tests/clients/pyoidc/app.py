import os
from urllib.parse import urlencode

from flask import Flask, redirect, render_template_string, request, session, url_for
from oic import rndstr
from oic.oic import Client
from oic.oic.message import AuthorizationResponse, RegistrationResponse
from oic.utils.authn.client import CLIENT_AUTHN_METHOD

ISSUER = os.environ["OIDC_ISSUER"]
ADDRESS = os.environ.get("APP_ADDRESS", "http://localhost:9000")

app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32)), SESSION_COOKIE_NAME="pyoidc")

client = Client(client_authn_method=CLIENT_AUTHN_METHOD)
client.provider_config(ISSUER)
client.store_registration_info(
    RegistrationResponse(
        client_id=os.environ["OIDC_CLIENT_ID"],
        client_secret=os.environ["OIDC_CLIENT_SECRET"],
        redirect_uris=[f"{ADDRESS}/callback"],
    )
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
    session["state"] = rndstr()
    session["nonce"] = rndstr()
    asked = client.construct_AuthorizationRequest(
        request_args={
            "client_id": client.client_id,
            "response_type": "code",
            "scope": ["openid", "profile", "email"],
            "nonce": session["nonce"],
            "redirect_uri": client.registration_response["redirect_uris"][0],
            "state": session["state"],
        }
    )
    return redirect(asked.request(client.authorization_endpoint))


@app.get("/callback")
def callback():
    answer = client.parse_response(AuthorizationResponse, info=request.query_string.decode(), sformat="urlencoded")
    if answer["state"] != session.pop("state"):
        return "Begin again.", 400
    tokens = client.do_access_token_request(
        state=answer["state"],
        request_args={"code": answer["code"]},
        authn_method="client_secret_basic",
    )
    if tokens["id_token"]["nonce"] != session.pop("nonce"):
        return "Begin again.", 400
    person = client.do_user_info_request(state=answer["state"])
    session["user"] = {name: person.get(name) for name in ("sub", "name", "email")}
    return redirect(url_for("home"))


@app.get("/logout")
def logout():
    session.clear()
    parameters = {"client_id": client.client_id, "post_logout_redirect_uri": f"{ADDRESS}/"}
    return redirect(f"{client.provider_info['end_session_endpoint']}?{urlencode(parameters)}")
