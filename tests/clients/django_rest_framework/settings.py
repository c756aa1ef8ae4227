import os

DEBUG = True
SECRET_KEY = os.environ.get("SECRET_KEY", "change me")
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
DATABASES = {}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SIMPLE_JWT = {
    "ALGORITHM": "RS256",
    "JWK_URL": os.environ["OIDC_ISSUER"] + "/oauth/jwks",
    "ISSUER": os.environ["OIDC_ISSUER"],
    # Which API this is: the same as among the `resources` of the application that calls it.
    "AUDIENCE": "https://api.example.com",
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": None,
}
