"""What a client is told of people under names of its own: for each kind of token, a standard claim behind each name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from idp.clients.values import BadValue
from idp.errors import FieldErrors
from idp.protocol import claims

Pairs = tuple[tuple[str, str], ...]

# What a name may stand for: who the person is to the client, or one of the standard claims.
SOURCES: Final = ("sub", *claims.NAMES)
MOST_CLAIMS: Final = 30
# What the server itself vouches for, and apps decide by: under these names nothing else may come, least of all what
# people can change themselves.
VOUCHED_FOR: Final = frozenset({"email", "email_verified", "phone_number", "phone_number_verified", "groups"})
# What introspection says about an access token, beside the claims in it (RFC 7662 section 2.2).
_INTROSPECTION: Final = frozenset({"active", "token_type"})
# Wide enough for names that are addresses (RFC 7519 section 4.2), as in https://app.example.com/roles.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:/#-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """The pairs of a name in the token and the claim behind it, for each place where a client is told of people."""

    id_token: Pairs = ()
    userinfo: Pairs = ()
    access_token: Pairs = ()

    def as_json(self) -> dict[str, dict[str, str]]:
        """Return the same as plain JSON values, without the places that nothing is mapped for."""
        return {place: dict(getattr(self, place)) for place in PLACES if getattr(self, place)}


PLACES: Final = tuple(one.name for one in fields(ClaimMapping))
NO_MAPPING: Final = ClaimMapping()


def from_stored(stored: Mapping[str, Any]) -> ClaimMapping:
    """Return what was validated when it was stored; a place of a later version is left out."""
    return ClaimMapping(**{place: tuple(stored[place].items()) for place in PLACES if place in stored})


def read(value: object) -> ClaimMapping:
    """Read the object ``claim_mapping`` of client metadata.

    Raises:
        FieldErrors: naming each member that cannot be registered, and why.
        BadValue: it is not an object.

    """
    if not isinstance(value, Mapping):
        raise BadValue(f"Write this as an object with any of {', '.join(PLACES)}.")
    found: dict[str, Pairs] = {}
    faults: dict[str, str] = {}
    for place, pairs in value.items():
        if place not in PLACES:
            faults[str(place)] = f"There is no such member; there are {', '.join(PLACES)}."
            continue
        try:
            found[place] = _pairs(place, pairs)
        except BadValue as error:
            faults[place] = str(error)
    if faults:
        raise FieldErrors(faults)
    return ClaimMapping(**found)


def fault_of(place: str, name: object, source: object) -> str | None:
    """Return why *place*, one of ``PLACES``, cannot have *source* under *name*; ``None`` when it can."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return (
            f"{_quoted(name)} cannot be the name of a claim: "
            "use a letter, then letters, digits and any of _ . : / # -, 200 at most."
        )
    if name in claims.RESERVED or (place == "access_token" and name in _INTROSPECTION):
        return f"{name} belongs to the token itself; choose another name."
    if source not in SOURCES:
        return f"{_quoted(source)} is not a standard claim; choose from {', '.join(SOURCES)}."
    return unvouched(name, str(source))


def unvouched(name: str, source: str) -> str | None:
    """Return why nothing but itself may come as *name*, if apps decide by it; ``None`` where *source* may."""
    if name in VOUCHED_FOR and source != name:
        return f"Apps take {name} for something that is vouched for; {source} needs another name."
    return None


def _pairs(place: str, value: object) -> Pairs:
    if not isinstance(value, Mapping):
        raise BadValue("Write this as an object: the name in the token, and the standard claim behind it.")
    if len(value) > MOST_CLAIMS:
        raise BadValue(f"Use at most {MOST_CLAIMS} names.")
    for name, source in value.items():
        fault = fault_of(place, name, source)
        if fault:
            raise BadValue(fault)
    return tuple(value.items())


def _quoted(value: object) -> str:
    return f"“{str(value)[:80]}”"
