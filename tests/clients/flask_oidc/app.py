import os

from flask import Flask, g, render_template_string
from flask_oidc import OpenIDConnect

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32)),
    SESSION_COOKIE_NAME="flask_oidc",
    OIDC_CLIENT_SECRETS={
        "web": {
            "client_id": os.environ["OIDC_CLIENT_ID"],
            "client_secret": os.environ["OIDC_CLIENT_SECRET"],
            "issuer": os.environ["OIDC_ISSUER"],
        }
    },
    OIDC_SCOPES="openid profile email",
)
oidc = OpenIDConnect(app)

PAGE = """
{% if g.oidc_user.logged_in %}
  <p>{{ session.oidc_auth_profile.name }} ({{ g.oidc_user.email }})</p>
  <a id="logout" href="{{ url_for('oidc_auth.logout') }}">Sign out</a>
{% else %}
  <a id="login" href="{{ url_for('oidc_auth.login') }}">Sign in</a>
{% endif %}
"""


@app.get("/")
def home():
    return render_template_string(PAGE)


@app.get("/private")
@oidc.require_login
def private():
    return f"For {g.oidc_user.email} alone"
