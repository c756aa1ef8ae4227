"""The claims about a person: one line each, by scope (OpenID Connect Core sections 5.1 and 5.4)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

# What a token says in the name of the protocol; no mapping from a person's data may overwrite it.
RESERVED = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "sid"),
        *("at_hash", "c_hash", "s_hash", "client_id", "scope", "cnf", "act", "may_act", "events"),
        *("_claim_names", "_claim_sources"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """What claims are read from; `claims` holds checked standard claims (`idp.protocol.standard_claims`)."""

    subject: str
    username: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: its name, the scope that grants it, and where its value comes from.

    Clients with defaults older than `since` (`idp.clients.defaults`) are told it only when they ask for it by name.
    """

    name: str
    scope: str
    read: Callable[[PersonView], Any]
    since: int = 1


def _kept(name: str, scope: str) -> Claim:
    return Claim(name, scope, lambda person: person.claims.get(name))


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


def _phone_verified(person: PersonView) -> bool | None:
    verified = person.claims.get("phone_number_verified", False)
    return bool(verified) if person.claims.get("phone_number") else None


def _address(person: PersonView) -> dict[str, Any]:
    return {name: part for name, part in person.claims.get("address", {}).items() if has_value(part)}


CLAIMS = (
    Claim("name", "profile", lambda person: person.name or person.claims.get("name")),
    _kept("given_name", "profile"),
    _kept("family_name", "profile"),
    _kept("middle_name", "profile"),
    _kept("nickname", "profile"),
    Claim("preferred_username", "profile", lambda person: person.username),
    _kept("profile", "profile"),
    _kept("picture", "profile"),
    _kept("website", "profile"),
    _kept("gender", "profile"),
    _kept("birthdate", "profile"),
    _kept("zoneinfo", "profile"),
    _kept("locale", "profile"),
    Claim("updated_at", "profile", lambda person: _seconds(person.updated_at)),
    Claim("email", "email", lambda person: person.email),
    Claim("email_verified", "email", lambda person: person.email_verified if person.email else None),
    _kept("phone_number", "phone"),
    Claim("phone_number_verified", "phone", _phone_verified),
    Claim("address", "address", _address),
    Claim("groups", "groups", lambda person: list(person.groups)),
)
NAMES = tuple(claim.name for claim in CLAIMS)
SCOPE_OF: Mapping[str, str] = MappingProxyType({claim.name: claim.scope for claim in CLAIMS})


def claims_for(
    person: PersonView, scopes: Collection[str], names: Collection[str] = (), *, version: int | None = None
) -> dict[str, Any]:
    """Return the person's claims that *scopes* grant, and those in *names*; without `sub` and what has no value.

    Of what scopes grant, with the defaults of *version*; `None` is the latest.
    """
    found = {
        claim.name: claim.read(person)
        for claim in CLAIMS
        if (claim.scope in scopes and (version is None or claim.since <= version)) or claim.name in names
    }
    return {name: value for name, value in found.items() if has_value(value)}


def has_value(value: object) -> bool:
    """Tell whether a claim has a value: None, blank text, "null" and empty containers have none; zero has."""
    if value is None:
        return False
    if isinstance(value, str):
        return value.strip() not in {"", "null"}
    return not isinstance(value, (dict, list, tuple)) or bool(value)


def with_mapping(person: PersonView, scopes: Collection[str], mapping: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what a client is told under names of its own: *mapping* pairs each name with `sub` or a standard claim.

    A claim is there only when it has a value and *scopes* grant it under its own name. `sub` is the person's subject,
    which must be the one that this client knows the person by.

    Raises:
        ValueError: when the mapping names a reserved claim; such a mapping is refused when it is registered.

    """
    return mapped({"sub": person.subject, **claims_for(person, scopes)}, dict(mapping))


def mapped(available: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """Return claims under a client's own names: *mapping* leads from each name in the token to a claim's name.

    Raises:
        ValueError: when the mapping names a reserved claim; such a mapping is refused when it is registered.

    """
    require_unreserved(mapping)
    return {name: available[source] for name, source in mapping.items() if source in available}


def require_unreserved(names: Iterable[str]) -> None:
    """Raise `ValueError` for the first name that belongs to the protocol."""
    for name in names:
        if name in RESERVED:
            raise ValueError(f"{name} is a claim of the protocol and cannot come from a person's data.")
