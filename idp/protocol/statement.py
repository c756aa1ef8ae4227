"""Signed statements: what one client has signed for another one, told apart from every token by its ``typ``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

HEADER: Mapping[str, str] = MappingProxyType({"typ": "statement+jwt"})
# What a client needs to be allowed, and its token to be made for.
SCOPE: Final = "idp:sign"
USUAL_LIFETIME: Final = timedelta(minutes=5)
MAX_LIFETIME: Final = timedelta(minutes=10)
# Of the content, as JSON in UTF-8.
MAX_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """That the client `client_id` says `content` to the client `audience`; the server vouches for who said it.

    The content is the client's own and stands under one claim, so nothing in it can pass for a claim of the server.
    """

    issuer: str
    client_id: str
    audience: str
    lifetime: timedelta
    jti: str
    content: Mapping[str, Any]

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); a longer lifetime than ten minutes is cut to it."""
        issued = int(now.timestamp())
        return {
            "iss": self.issuer,
            "sub": self.client_id,
            "aud": self.audience,
            "iat": issued,
            "exp": issued + int(min(self.lifetime, MAX_LIFETIME).total_seconds()),
            "jti": self.jti,
            "statement": dict(self.content),
        }
