import os

from flask import Flask
from flask_appbuilder import AppBuilder
from flask_appbuilder.models.sqla.base import SQLA
from flask_appbuilder.security.manager import AUTH_OAUTH
from flask_appbuilder.security.sqla.manager import SecurityManager


class DoorwardSecurityManager(SecurityManager):
    def get_oauth_user_info(self, provider, resp):
        person = self.oauth_remotes[provider].userinfo(token=resp)
        return {
            "username": person["preferred_username"],
            "first_name": person.get("given_name", ""),
            "last_name": person.get("family_name", ""),
            "email": person["email"],
            "role_keys": person.get("groups", []),
        }


app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ.get("SECRET_KEY", os.urandom(32)),
    SESSION_COOKIE_NAME="flask_appbuilder",
    SQLALCHEMY_DATABASE_URI="sqlite:///" + os.environ.get("DATABASE", "app.db"),
    AUTH_TYPE=AUTH_OAUTH,
    AUTH_USER_REGISTRATION=True,
    AUTH_USER_REGISTRATION_ROLE="Public",
    # Which of Doorward's groups has which roles, looked at with each sign-in.
    AUTH_ROLES_MAPPING={"staff": ["Admin"]},
    AUTH_ROLES_SYNC_AT_LOGIN=True,
    OAUTH_PROVIDERS=[
        {
            "name": "doorward",
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": os.environ["OIDC_CLIENT_ID"],
                "client_secret": os.environ["OIDC_CLIENT_SECRET"],
                "server_metadata_url": os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
                "client_kwargs": {"scope": "openid profile email groups", "code_challenge_method": "S256"},
            },
        }
    ],
)
with app.app_context():
    database = SQLA(app)
    AppBuilder(app, database.session, security_manager_class=DoorwardSecurityManager)
