"""Software statements: metadata that somebody whom this server trusts has signed (RFC 7591 section 2.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from idp import clock
from idp.clients.public_keys import CLIENT_SIGNING_ALGORITHMS
from idp.errors import InvalidSoftwareStatement, InvalidToken, UnapprovedSoftwareStatement
from idp.oidc import client_keys
from idp.protocol import jws_header, jwt_times
from idp.protocol.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from idp.oidc.client_keys import ClientKey


def read(statement: object, trusted: Path | None, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a statement that was signed with one of the keys in the file *trusted*.

    Raises:
        UnapprovedSoftwareStatement: no key is trusted here, or none of those that are has signed it.
        InvalidSoftwareStatement: it is no signed JWT, names no issuer, or is out of its time.

    """
    if not isinstance(statement, str):
        raise InvalidSoftwareStatement("software_statement: Write this as text.")
    if trusted is None:
        raise UnapprovedSoftwareStatement("software_statement: No issuer of software statements is trusted here.")
    try:
        jws = jws_header.parse(statement, algorithms=CLIENT_SIGNING_ALGORITHMS)
    except InvalidToken:
        raise InvalidSoftwareStatement("software_statement: It is not a JWT signed with a public key.") from None
    if not client_keys.verifies(_keys(trusted, trusted.stat().st_mtime_ns), jws):
        raise UnapprovedSoftwareStatement("software_statement: It was signed by nobody who is trusted here.")
    claims = jws.unverified_claims
    if not isinstance(claims.get("iss"), str):
        raise InvalidSoftwareStatement("software_statement: It does not name its issuer (iss).")
    fault = jwt_times.fault_in(claims, clock.epoch_seconds(now))
    if fault:
        raise InvalidSoftwareStatement(f"software_statement: {fault}")
    return claims


@lru_cache(maxsize=4)
def _keys(trusted: Path, _changed_at: int) -> tuple[ClientKey, ...]:
    """Return the keys in the file; read anew when it has changed."""
    try:
        return client_keys.read({"keys": parse_object(trusted.read_bytes()).get("keys") or []})
    except ValueError:
        raise UnapprovedSoftwareStatement(
            "software_statement: No issuer of software statements is trusted here.",
            detail=f"{trusted} holds no JWK set",
        ) from None
