"""The refresh token of the token API: a JWT by its shape alone, since apps read `exp` and `jti` out of it.

What it opens is decided by the token that `jti` names, of which only a fingerprint is kept. Its type and its audience,
the issuer alone, keep it from passing for an access token anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

TYP = "refresh+jwt"
HEADER: Mapping[str, str] = MappingProxyType({"typ": TYP})


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshJwt:
    """What such a token says; `jti` is the refresh token itself."""

    issuer: str
    subject: str
    client_id: str
    lifetime: timedelta
    jti: str

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); instants are whole seconds."""
        issued = int(now.timestamp())
        return {
            "token_type": "refresh",
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": self.subject,
            "user_id": self.subject,
            "client_id": self.client_id,
            "exp": issued + int(self.lifetime.total_seconds()),
            "iat": issued,
            "jti": self.jti,
        }
