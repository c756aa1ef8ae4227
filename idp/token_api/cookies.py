"""The refresh token in a cookie, so that no script of the app's pages can read it (RFC 6265bis).

For an app that wants it so, and for its pages alone: a browser sends ``Origin`` along, which ``cors.the_client`` has
compared with those registered. A form on any other site opens nothing, whatever its cookie would be good for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import after_this_request, request, url_for

from idp.settings import Settings
from idp.token_api import cors
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import timedelta

    from flask import Response

    from idp.clients.store import Client

_SITE = "Strict"


def is_used(client: Client) -> bool:
    """Tell whether whoever asks keeps the refresh token in a cookie: a page of *client*, which wants that."""
    return cors.settings_of(client).refresh_cookie and "Origin" in request.headers


def presented(client: Client) -> str:
    """Return the refresh token that came in the cookie; empty when there is none, or it does not count here."""
    return request.cookies.get(_name(), "") if is_used(client) else ""


def keep(response: Response, token: str, lifetime: timedelta) -> None:
    """Hand *token* over for *lifetime* at most."""
    response.set_cookie(_name(), token, max_age=lifetime, path=_path(), secure=_secure(), httponly=True, samesite=_SITE)


def take_back(client: Client) -> None:
    """Have the answer of this request, a refusal as well, take the cookie back."""
    if not is_used(client):
        return

    @after_this_request
    def gone(response: Response) -> Response:
        response.delete_cookie(_name(), path=_path(), secure=_secure(), httponly=True, samesite=_SITE)
        return response


def _secure() -> bool:
    return service(Settings).is_secure


def _name() -> str:
    return "__Secure-idp-refresh" if _secure() else "idp-refresh"


def _path() -> str:
    return url_for("token_api.obtain")
