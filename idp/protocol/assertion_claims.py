"""What the claims of a verified client assertion must say (RFC 7523 section 3, OpenID Connect Core section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.protocol import jwt_times

LONGEST_SECONDS = 300
_LONGEST_JTI = 512


@dataclass(frozen=True, slots=True)
class AssertionClaims:
    """The rules for one request.

    `audiences` are the names of this server that the assertion may be for; with `strict` (FAPI 2.0 Security Profile
    section 5.3.2.1, RFC 10070) its `aud` is `issuer`, as a single string, and nothing else.
    """

    issuer: str
    audiences: frozenset[str]
    strict: bool = False

    def fault_in(self, claims: Mapping[str, Any], now: int) -> str | None:
        """Return why *claims* are not accepted at *now* (seconds), as one sentence; `None` when they are."""
        return self._audience(claims) or _times(claims, now) or _identifier(claims)

    def _audience(self, claims: Mapping[str, Any]) -> str | None:
        aud = claims.get("aud")
        if self.strict:
            return None if aud == self.issuer else f"Its aud must be {self.issuer}, as a single string."
        several = aud if isinstance(aud, list) else [aud]
        if not any(isinstance(one, str) and one in self.audiences for one in several):
            return f"Its aud must be {self.issuer} or the address of the token endpoint."
        return None


def _times(claims: Mapping[str, Any], now: int) -> str | None:
    if "exp" not in claims:
        return "It has no exp."
    fault = jwt_times.fault_in(claims, now)
    if fault:
        return fault
    if claims["exp"] > now + LONGEST_SECONDS + jwt_times.SKEW:
        return "Its exp lies more than five minutes ahead; make a new assertion for each request."
    if claims.get("iat", now) < now - LONGEST_SECONDS - jwt_times.SKEW:
        return "It was made more than five minutes ago; make a new assertion for each request."
    return None


def _identifier(claims: Mapping[str, Any]) -> str | None:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        return f"It needs a jti of 1 to {_LONGEST_JTI} characters, another one each time."
    return None
