"""Logout tokens (OpenID Connect Back-Channel Logout section 2.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

HEADER: Mapping[str, str] = MappingProxyType({"typ": "logout+jwt"})
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
# Made anew for every attempt, so it need not live longer than clocks differ.
LIFETIME: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """What a logout token says: at the client `client_id`, the session `sid` of the person `subject` has ended.

    It never holds a nonce, so that it cannot be taken for an ID token.
    """

    issuer: str
    client_id: str
    subject: str
    sid: str
    jti: str
    backdate: timedelta = timedelta(0)

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); instants are whole seconds."""
        issued = int(now.timestamp())
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "iat": issued - int(self.backdate.total_seconds()),
            "exp": issued + int(LIFETIME.total_seconds()),
            "jti": self.jti,
            "sid": self.sid,
            "events": {EVENT: {}},
        }
