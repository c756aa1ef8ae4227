"""Access tokens in the JWT profile (RFC 9068), and what their identifier says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from idp.protocol.claims import require_unreserved

TYP = "at+jwt"
HEADER: Mapping[str, str] = MappingProxyType({"typ": TYP})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What an access token says.

    `audiences` are the resources it is for; without any it is for the issuer itself, never for the client. `auth_time`,
    `acr` and `amr` are those of the original sign-in, `None` for a client that acts for itself. `jti` is unique;
    `jti_of` puts the grant into it, so that a whole grant can be revoked. `extra` adds claims such as `groups`.
    """

    issuer: str
    subject: str
    client_id: str
    lifetime: timedelta
    jti: str
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    auth_time: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def claims(self, now: datetime) -> dict[str, Any]:
        """Return the claims at *now* (aware); instants are whole seconds.

        Raises:
            ValueError: when `extra` holds a claim of the protocol.

        """
        require_unreserved(self.extra)
        issued = int(now.timestamp())
        found: dict[str, Any] = {
            **self.extra,
            "iss": self.issuer,
            "sub": self.subject,
            "aud": audience(self.audiences or (self.issuer,)),
            "client_id": self.client_id,
            "exp": issued + int(self.lifetime.total_seconds()),
            "iat": issued,
            "jti": self.jti,
        }
        optional = {
            "scope": " ".join(self.scopes) or None,
            "auth_time": None if self.auth_time is None else min(int(self.auth_time.timestamp()), issued),
            "acr": self.acr,
            "amr": list(self.amr) or None,
        }
        return found | {name: value for name, value in optional.items() if value is not None}


def audience(audiences: tuple[str, ...]) -> str | list[str]:
    """Return an `aud` claim: text when there is one, a list when there are several.

    Raises:
        ValueError: when there is none; an empty audience would be accepted by careless verifiers.

    """
    if not audiences:
        raise ValueError("A token needs an audience.")
    return audiences[0] if len(audiences) == 1 else list(audiences)


def audiences_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the audiences of received claims; anything but text and lists of text counts as none."""
    value = claims.get("aud")
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return ()
    return tuple(values)


def jti_of(grant_id: str, unique: str) -> str:
    """Return the identifier of a token that belongs to a grant."""
    return f"{grant_id}.{unique}"


def grant_id_of(jti: str) -> str | None:
    """Return the grant that a token's identifier names, `None` when it names none."""
    grant_id, dot, unique = jti.rpartition(".")
    return grant_id if grant_id and dot and unique else None
