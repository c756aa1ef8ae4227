"""ID tokens that come back as a hint of who is meant: verified, and never taken for proof of who is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.errors import InvalidToken
from idp.oidc import signing
from idp.protocol.access_token import audiences_of
from idp.protocol.end_session import HintFacts

if TYPE_CHECKING:
    from datetime import datetime


def read(token: str, *, now: datetime) -> HintFacts:
    """Return what an ID token of ours says, an expired one and one by a retired key included.

    Raises:
        InvalidToken: it was not issued here, or is a token of another kind.

    """
    claims = signing.id_token_of_ours(token, now=now)
    audiences = audiences_of(claims)
    # A JWT of the plain redirect carries the same typ, and so does a signed answer; only an ID token names a session.
    if "sid" not in claims or len(audiences) != 1 or not isinstance(claims.get("sub"), str):
        raise InvalidToken("The token is not valid.", detail="not an ID token")
    sid = claims.get("sid")
    return HintFacts(client_id=audiences[0], subject=claims["sub"], sid=sid if isinstance(sid, str) else None)
