"""What a client of the plain JWT redirect registers: where its token goes, how, and what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from idp.clients import claim_mapping, values
from idp.clients.public_keys import CLIENT_SIGNING_ALGORITHMS
from idp.errors import FieldErrors
from idp.protocol import claims

DELIVERIES = ("form_post", "query", "fragment")
ALGORITHMS = (*CLIENT_SIGNING_ALGORITHMS, "HS256", "HS384", "HS512")
# The apps whose rules are known, by the names of the modules in `idp.jwt_sso.presets`.
PRESETS = ("generic", "zendesk", "freshworks", "metabase", "grafana", "discourse")
# What a mapped claim may hold; the left side of `claims` is the name that the app expects.
CLAIM_SOURCES = ("sub", *claims.NAMES)
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MOST_CLAIMS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtRedirect:
    """Where and how a signed JWT is handed to a client.

    ``field`` names the form field or parameter; ``return_to_prefixes`` are addresses outside the origin of
    ``delivery_uri`` below which ``return_to`` may point; ``claims`` pairs a claim's name with the standard claim in it.
    ``preset`` names whose rules the app has; ``require_verified_email`` is for one that takes every address for proven.
    """

    delivery_uri: str
    delivery: str = "form_post"
    field: str = "jwt"
    alg: str = "RS256"
    return_to_prefixes: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    preset: str = "generic"
    require_verified_email: bool = False

    @property
    def is_discourse_connect(self) -> bool:
        """Tell whether the app speaks DiscourseConnect: a signed query string, no JWT."""
        return self.preset == "discourse"

    @property
    def is_pinned(self) -> bool:
        """Tell whether the app was given our public key by hand, so that it learns of no new one by itself.

        A secret is no key of ours: what it signs outlives every rotation.
        """
        return self.preset == "freshworks" and not self.is_symmetric

    @property
    def is_symmetric(self) -> bool:
        """Tell whether tokens are signed with a secret shared with this client alone."""
        return self.alg.startswith("HS")

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""
        return {
            "delivery_uri": self.delivery_uri,
            "delivery": self.delivery,
            "field": self.field,
            "alg": self.alg,
            "return_to_prefixes": list(self.return_to_prefixes),
            "claims": dict(self.claims),
            "preset": self.preset,
            "require_verified_email": self.require_verified_email,
        }


def from_stored(stored: Mapping[str, Any]) -> JwtRedirect:
    """Return what was validated when it was stored."""
    known = {one.name for one in fields(JwtRedirect)}
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
    }
    kept["claims"] = tuple(dict(kept.get("claims", {})).items())
    return JwtRedirect(**kept)


def read(value: object) -> JwtRedirect:
    """Read the object ``jwt_sso`` of client metadata.

    Raises:
        FieldErrors: naming each member that cannot be registered, and why.
        BadValue: it is not an object.

    """
    if not isinstance(value, Mapping):
        raise values.BadValue("Write this as an object with delivery_uri, delivery, field, alg.")
    found: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, member in value.items():
        if name not in _READERS:
            faults[str(name)] = f"There is no such member; there are {', '.join(_READERS)}."
            continue
        try:
            found[name] = _READERS[name](member)
        except values.BadValue as error:
            faults[name] = str(error)
    if "delivery_uri" not in found:
        faults.setdefault("delivery_uri", "Say where the signed token goes.")
    if not faults:
        faults = _discourse_faults(JwtRedirect(**found))
    if faults:
        raise FieldErrors(faults)
    return JwtRedirect(**found)


def _discourse_faults(wanted: JwtRedirect) -> dict[str, str]:
    """Return what cannot be chosen where nothing but DiscourseConnect is understood."""
    fixed = {"alg": "HS256", "delivery": "query"} if wanted.is_discourse_connect else {}
    return {
        name: f"Discourse takes {value} and nothing else."
        for name, value in fixed.items()
        if getattr(wanted, name) != value
    }


def _field(value: object) -> str:
    if not isinstance(value, str) or not _FIELD.fullmatch(value):
        raise values.BadValue("Use a letter, then letters, digits, dots, dashes or underscores, 64 at most.")
    if value in {"state", "return_to"}:
        raise values.BadValue("This name is taken by the state and the address that go along.")
    return value


def _prefix(value: object) -> str:
    prefix = values.receiving_address(value)
    if "?" in prefix or not prefix.endswith("/"):
        raise values.BadValue("End the address with a slash: everything below it is allowed.")
    return prefix


def _claims(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or len(value) > _MOST_CLAIMS:
        raise values.BadValue(f"Write this as an object of at most {_MOST_CLAIMS} names, each with a standard claim.")
    for name, source in value.items():
        if not isinstance(name, str) or not _FIELD.fullmatch(name):
            raise values.BadValue(f"“{str(name)[:80]}” cannot be the name of a claim.")
        if name in claims.RESERVED:
            raise values.BadValue(f"{name} belongs to the token itself.")
        if source not in CLAIM_SOURCES:
            raise values.BadValue(
                f"“{str(source)[:80]}” is not a standard claim; choose from {', '.join(CLAIM_SOURCES)}."
            )
        fault = claim_mapping.unvouched(name, source)
        if fault:
            raise values.BadValue(fault)
    return tuple(value.items())


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "delivery_uri": values.receiving_address,
    "delivery": values.one_of(*DELIVERIES),
    "field": _field,
    "alg": values.one_of(*ALGORITHMS),
    "return_to_prefixes": values.several(_prefix),
    "claims": _claims,
    "preset": values.one_of(*PRESETS),
    "require_verified_email": values.flag,
}
