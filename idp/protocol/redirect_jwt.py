"""The token of the JWT redirect: handed over once, short-lived, for one address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from idp.protocol import jwt_times
from idp.protocol.claims import require_unreserved

HEADER: Mapping[str, str] = MappingProxyType({"typ": "JWT"})
MAX_LIFETIME = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectJwt:
    """What a redirect token says; it never holds a session, another token or anything for another party.

    `backdate` is for a client whose clock is slow: `iat` goes as far back as the sign-in at most.

    `nonce` is what the application sent, returned verbatim (its `state` travels beside the token). `person` holds the
    claims of the person under the client's names (`idp.protocol.claims.mapped`), which cannot overwrite the protocol's.
    """

    issuer: str
    subject: str
    client_id: str
    lifetime: timedelta
    jti: str
    auth_time: datetime
    nonce: str | None = None
    backdate: timedelta = timedelta(0)
    person: Mapping[str, Any] = field(default_factory=dict)

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); a longer lifetime than two minutes is cut to it.

        Raises:
            ValueError: when `person` holds a claim of the protocol.

        """
        require_unreserved(self.person)
        issued = int(now.timestamp())
        auth_time = min(int(self.auth_time.timestamp()), issued)
        iat = jwt_times.backdated(issued, self.backdate, not_before=auth_time)
        lifetime = int(min(self.lifetime, MAX_LIFETIME).total_seconds())
        found = {
            **self.person,
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "exp": min(issued + lifetime, iat + int(MAX_LIFETIME.total_seconds())),
            "iat": iat,
            "auth_time": auth_time,
            "jti": self.jti,
        }
        return found if self.nonce is None else found | {"nonce": self.nonce}
