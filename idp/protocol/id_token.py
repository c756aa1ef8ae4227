"""ID tokens (OpenID Connect Core section 2)."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from idp.protocol import jwt_times
from idp.protocol.claims import require_unreserved

HEADER: Mapping[str, str] = MappingProxyType({"typ": "JWT"})
# By the hash of the signature; Ed25519 hashes with SHA-512 under both of its names (RFC 8037, RFC 9864).
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
_EDWARDS = frozenset({"EdDSA", "Ed25519"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """What an ID token says; `auth_time` is that of the original sign-in, never of this token.

    `access_token` is the one that comes along, `code` the authorization code that does, `alg` the algorithm this ID
    token is signed with. `backdate` is for a client whose clock is slow: it goes as far back as the sign-in at most.
    `person` holds the claims of the person (`idp.protocol.claims.claims_for`), which cannot
    overwrite the protocol's own.
    """

    issuer: str
    subject: str
    client_id: str
    lifetime: timedelta
    auth_time: datetime
    alg: str
    nonce: str | None = None
    access_token: str | None = None
    code: str | None = None
    sid: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    backdate: timedelta = timedelta(0)
    person: Mapping[str, Any] = field(default_factory=dict)

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); instants are whole seconds.

        Raises:
            ValueError: when `person` holds a claim of the protocol, or `alg` is unknown.

        """
        require_unreserved(self.person)
        issued = int(now.timestamp())
        auth_time = min(int(self.auth_time.timestamp()), issued)
        found: dict[str, Any] = {
            **self.person,
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "exp": issued + int(self.lifetime.total_seconds()),
            "iat": jwt_times.backdated(issued, self.backdate, not_before=auth_time),
            "auth_time": auth_time,
        }
        optional = {"nonce": self.nonce, "sid": self.sid, "acr": self.acr, "amr": list(self.amr) or None}
        if self.access_token is not None:
            optional["at_hash"] = half_hash(self.access_token, self.alg)
        if self.code is not None:
            optional["c_hash"] = half_hash(self.code, self.alg)
        return found | {name: value for name, value in optional.items() if value is not None}


def half_hash(token: str, alg: str) -> str:
    """Return the at_hash or c_hash of *token* for an ID token signed with *alg* (Core section 3.1.3.6).

    Raises:
        ValueError: for an unknown algorithm; a hash is never left out in silence (J12).

    """
    hashing = hashlib.sha512 if alg in _EDWARDS else _HASHES.get(alg[2:] if alg[:2] in ("RS", "PS", "ES", "HS") else "")
    if hashing is None:
        raise ValueError(f"No hash is known for the algorithm {alg}.")
    digest = hashing(token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")
