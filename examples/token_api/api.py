"""An API in Django REST Framework, and the page that calls it: tokens come from Doorward and are checked by simplejwt.

    pip install "djangorestframework-simplejwt[crypto]"
    API_ISSUER=http://localhost:8000 API_AUDIENCE=https://api.example.com python api.py

The API has no users, no passwords and no secret; it asks Doorward nothing for a request.
"""

from __future__ import annotations

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import FileResponse, HttpRequest, JsonResponse
from django.urls import path

FOLDER = Path(__file__).resolve().parent / "page"
ISSUER = os.environ.get("API_ISSUER", "http://localhost:8000")
PORT = os.environ.get("API_PORT", "9000")

settings.configure(
    SECRET_KEY="nothing is signed here",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    SIMPLE_JWT={
        "ALGORITHM": "RS256",
        "JWK_URL": f"{ISSUER}/oauth/jwks",
        "ISSUER": ISSUER,
        "AUDIENCE": os.environ.get("API_AUDIENCE", "https://api.example.com"),
    },
)

django.setup()

from rest_framework.request import Request  # noqa: E402 - reads the settings above
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Me(APIView):
    """Says who calls."""

    def get(self, request: Request) -> Response:
        """Answer with the person of the access token."""
        return Response({"id": request.user.id})


def page(_request: HttpRequest, name: str = "index.html") -> FileResponse:
    """Send a file of the page."""
    return FileResponse((FOLDER / name).open("rb"))


urlpatterns = [
    path("", page),
    path("app.js", page, {"name": "app.js"}),
    path("tokens.js", page, {"name": "tokens.js"}),
    path("config.json", lambda _request: JsonResponse({"issuer": ISSUER})),
    path("me", Me.as_view()),
]

if __name__ == "__main__":
    execute_from_command_line(["api.py", "runserver", "--noreload", f"localhost:{PORT}"])
