"""What the claims of a verified request object must say (RFC 9101 section 4, OpenID Connect Core section 6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.protocol import jwt_times

# OpenID FAPI 2.0 Message Signing section 5.3.1.
_MOST_SECONDS_STRICT = 3600


@dataclass(frozen=True, slots=True)
class RequestClaims:
    """The rules for one client; `strict` are those of FAPI 2.0 Message Signing."""

    client_id: str
    issuer: str
    strict: bool = False

    def fault_in(self, claims: Mapping[str, Any], now: int) -> str | None:
        """Return why *claims* are not accepted at *now* (seconds), as one sentence; `None` when they are."""
        return self._parties(claims) or jwt_times.fault_in(claims, now) or (self._strict(claims, now))

    def _parties(self, claims: Mapping[str, Any]) -> str | None:
        if claims.get("iss", self.client_id) != self.client_id:
            return "Its iss is not the client_id."
        if claims.get("client_id", self.client_id) != self.client_id:
            return "Its client_id is not the one beside it."
        if claims.get("sub") == self.client_id:
            # Such a JWT could be taken for a client assertion (RFC 9101 section 10.8).
            return "Its sub is the client_id; leave sub out."
        aud = claims.get("aud")
        if aud is not None and self.issuer not in (aud if isinstance(aud, list) else [aud]):
            return f"Its aud is not {self.issuer}."
        return None

    def _strict(self, claims: Mapping[str, Any], now: int) -> str | None:
        if not self.strict:
            return None
        missing = [name for name in ("aud", "exp", "nbf") if name not in claims]
        if missing:
            return f"It has no {missing[0]}, which the fapi profile requires."
        if claims["nbf"] < now - _MOST_SECONDS_STRICT or claims["exp"] > claims["nbf"] + _MOST_SECONDS_STRICT:
            return "The fapi profile takes no request object that is good for more than an hour."
        return None
