import os

ISSUER = os.environ["OIDC_ISSUER"]

AUTHENTICATION_SOURCES = ["oauth2"]
OAUTH2_AUTO_CREATE_USER = True
OAUTH2_CONFIG = [
    {
        "OAUTH2_NAME": "doorward",
        "OAUTH2_DISPLAY_NAME": "Doorward",
        "OAUTH2_CLIENT_ID": os.environ["OIDC_CLIENT_ID"],
        "OAUTH2_CLIENT_SECRET": os.environ["OIDC_CLIENT_SECRET"],
        "OAUTH2_SERVER_METADATA_URL": f"{ISSUER}/.well-known/openid-configuration",
        "OAUTH2_AUTHORIZATION_URL": f"{ISSUER}/oauth/authorize",
        "OAUTH2_TOKEN_URL": f"{ISSUER}/oauth/token",
        "OAUTH2_API_BASE_URL": f"{ISSUER}/",
        "OAUTH2_USERINFO_ENDPOINT": "oauth/userinfo",
        "OAUTH2_SCOPE": "openid profile email",
        "OAUTH2_USERNAME_CLAIM": "preferred_username",
        "OAUTH2_CHALLENGE_METHOD": "S256",
        "OAUTH2_RESPONSE_TYPE": "code",
        "OAUTH2_LOGOUT_URL": f"{ISSUER}/logout?post_logout_redirect_uri={{redirect_uri}}&id_token_hint={{id_token}}",
        "OAUTH2_ICON": "fa-openid",
        "OAUTH2_BUTTON_COLOR": "#24478f",
    }
]
