"""An application of a few lines, for APIs that check the tokens it brings: the code flow with PKCE over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

if TYPE_CHECKING:
    from tests.clients.provider import Registered
    from tests.clients.visitor import Visitor


def tokens_of(registered: Registered, visitor: Visitor, **asked: str) -> dict[str, Any]:
    """Sign the visitor in for *registered*, and return what the token endpoint answers.

    The application at the redirect URI need not know that address: the code is taken from it, whatever it answers.
    """
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    redirect_uri = registered.answer["redirect_uris"][0]
    request = {
        "response_type": "code",
        "client_id": registered.client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid profile email",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **asked,
    }
    visitor.sign_in(f"{registered.issuer}/oauth/authorize?{urlencode(request)}")
    answered = visitor.history[-1]
    assert answered.url.startswith(redirect_uri), answered
    answer = httpx.post(
        f"{registered.issuer}/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": answered.query["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        },
        auth=(registered.client_id, registered.client_secret),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def subject_of(token: str) -> str:
    """Return the `sub` of a JWT, unchecked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
