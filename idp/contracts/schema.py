"""What can be said of a token without its values: its header, its claims and their JSON types, how long it lives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from idp.protocol import subjects, time_words

ACCESS_TOKEN: Final = "access_token"
RESOURCE_TOKEN: Final = "resource_access_token"
CLIENT_TOKEN: Final = "client_access_token"
CLIENT_RESOURCE_TOKEN: Final = "client_resource_access_token"
API_TOKEN: Final = "api_access_token"
ID_TOKEN: Final = "id_token"
FRONT_ID_TOKEN: Final = "front_id_token"
USERINFO: Final = "userinfo"
REDIRECT_JWT: Final = "redirect_jwt"
LOGOUT_TOKEN: Final = "logout_token"
# Every kind that is pinned, by what people call it, in the order of the pages.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ID_TOKEN: "ID token",
        FRONT_ID_TOKEN: "ID token through the browser",
        ACCESS_TOKEN: "Access token",
        RESOURCE_TOKEN: "Access token for an API that it names",
        USERINFO: "UserInfo answer",
        CLIENT_TOKEN: "Access token of its own",
        CLIENT_RESOURCE_TOKEN: "Access token of its own for an API that it names",
        REDIRECT_JWT: "JWT of the redirect",
        API_TOKEN: "Access token of the token API",
        LOGOUT_TOKEN: "Logout token",
    }
)
PUBLIC: Final = "public"
PAIRWISE: Final = "pairwise"
ITSELF: Final = "client"
_PERSON: Final = "usr_"
_SUBJECTS: Final = {
    PUBLIC: "of a person, the same at every app",
    PAIRWISE: "of a person, another one in each sector",
    ITSELF: "the app itself",
}
_TYPES: Final[Mapping[type, str]] = MappingProxyType(
    {
        str: "string",
        bool: "boolean",
        int: "number",
        float: "number",
        list: "array",
        tuple: "array",
        dict: "object",
        type(None): "null",
    }
)


class Shape(NamedTuple):
    """One token as the hot path notes it: made of what is there already, and compared as it is."""

    alg: str
    typ: str
    encryption: str
    # The beginning of its sub, or ITSELF.
    subject: str
    lifetime: int | None
    names: tuple[str, ...]
    types: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Of which JSON types a claim is, and whether every token has it."""

    types: tuple[str, ...]
    always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A token that would be issued to a person who does not exist, not signed."""

    claims: Mapping[str, Any]
    alg: str
    # When it would be issued.
    now: datetime
    typ: str = "JWT"
    encryption: str = ""
    # What makes its sub another one: the sector of a pairwise subject.
    sector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What tokens of one kind hold: what all of them have, and what some may have."""

    alg: str
    typ: str
    encryption: str
    lifetime: int | None
    subject: str
    sector: str
    # Who they are for; empty where the request decides.
    audience: str
    claims: Mapping[str, Claim] = field(default_factory=dict)

    @property
    def header(self) -> tuple[str, ...]:
        """The members of the header; a secret has no name."""
        if not self.typ:
            return ()
        return ("alg", "typ") if self.alg.startswith("HS") else ("alg", "kid", "typ")

    def facts(self) -> list[tuple[str, str]]:
        """Return what there is to say beside the claims: what it is called, and its value."""
        whose = _SUBJECTS.get(self.subject, self.subject)
        found = (
            ("Signed with", self.alg if self.alg != "none" else "nothing"),
            ("Header", f"{', '.join(self.header)}; typ {self.typ}" if self.header else ""),
            ("Encrypted with", self.encryption),
            ("Lives", time_words.span(self.lifetime) if self.lifetime is not None else ""),
            ("For (aud)", self.audience),
            ("sub", f"{whose}{f' ({self.sector})' if self.sector else ''}"),
        )
        return [(label, value) for label, value in found if value]

    def lines(self) -> list[str]:
        """Return the whole as lines that people read and compare; equal frames have equal lines."""
        facts = [f"{label}: {value}" for label, value in self.facts()]
        claims = [
            f"{name}: {' or '.join(one.types)}{'' if one.always else ', not in all'}"
            for name, one in sorted(self.claims.items())
        ]
        return facts + claims

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""
        return {
            "alg": self.alg,
            "typ": self.typ,
            "encryption": self.encryption,
            "lifetime": self.lifetime,
            "subject": self.subject,
            "sector": self.sector,
            "audience": self.audience,
            "claims": {
                name: {"types": list(one.types), "always": one.always} for name, one in sorted(self.claims.items())
            },
        }


def from_json(stored: Mapping[str, Any]) -> Frame:
    """Return the frame that ``as_json`` made; what an earlier version did not keep is empty."""
    claims = {name: Claim(tuple(one["types"]), one["always"]) for name, one in stored["claims"].items()}
    plain = {name: stored.get(name, "") for name in ("alg", "typ", "encryption", "subject", "sector", "audience")}
    return Frame(**plain, lifetime=stored.get("lifetime"), claims=claims)


def shape_of(client_id: str, alg: str, claims: Mapping[str, Any], *, typ: str, encryption: str, now: datetime) -> Shape:
    """Return what is noted of a token that is issued at *now*; it is done for every token."""
    subject, exp = claims.get("sub"), claims.get("exp")
    return Shape(
        alg,
        typ,
        encryption,
        ITSELF if subject == client_id else subject[:4] if subject else "",
        # Not from iat, which is dated back for an app with a slow clock, as far as the sign-in allows.
        None if exp is None else exp - int(now.timestamp()),
        tuple(claims),
        tuple(map(type, claims.values())),
    )


def types_of(shape: Shape) -> dict[str, str]:
    """Return the JSON type of each claim."""
    return {name: _TYPES.get(kind, "object") for name, kind in zip(shape.names, shape.types, strict=True)}


def subject_of(shape: Shape) -> str:
    """Return what kind of subject a token names."""
    return {_PERSON: PUBLIC, subjects.PREFIX: PAIRWISE}.get(shape.subject, shape.subject)


def frame_of(client_id: str, samples: Sequence[Sample]) -> Frame | None:
    """Return what all *samples* have, and what some have; ``None`` without any."""
    if not samples:
        return None
    first = samples[0]
    shapes = [
        shape_of(client_id, one.alg, one.claims, typ=one.typ, encryption=one.encryption, now=one.now) for one in samples
    ]
    audiences = [_audience(one.claims.get("aud")) for one in samples]
    return Frame(
        alg=first.alg,
        typ=first.typ,
        encryption=first.encryption,
        lifetime=shapes[0].lifetime,
        subject=subject_of(shapes[0]),
        sector=first.sector,
        audience=audiences[0] if len(set(audiences)) == 1 else "",
        claims=_claims([types_of(shape) for shape in shapes]),
    )


def with_evidence(frame: Frame, shapes: Collection[Shape]) -> Frame:
    """Return *frame* as tokens that were issued show it: what is in them goes before what was computed."""
    first = next(iter(shapes))
    claims = dict(frame.claims)
    for name, one in _claims([types_of(shape) for shape in shapes]).items():
        known = claims.get(name, Claim((), always=False))
        claims[name] = Claim(tuple(sorted({*one.types, *known.types})), always=one.always and known.always)
    return replace(
        frame,
        alg=first.alg,
        typ=first.typ,
        encryption=first.encryption,
        lifetime=first.lifetime,
        subject=subject_of(first),
        claims=claims,
    )


def faults(frame: Frame, shape: Shape) -> list[str]:
    """Return in which ways a token is not as *frame* says, one line each."""
    types = types_of(shape)
    plain = (
        ("signed with", frame.alg, shape.alg),
        ("typ", frame.typ, shape.typ),
        ("encrypted with", frame.encryption, shape.encryption),
        ("lifetime in seconds", frame.lifetime, shape.lifetime),
        ("sub", frame.subject, subject_of(shape)),
    )
    found = [
        f"{what} {is_now or 'nothing'} instead of {was or 'nothing'}" for what, was, is_now in plain if was != is_now
    ]
    found += [f"{name} is missing" for name, one in sorted(frame.claims.items()) if one.always and name not in types]
    for name, kind in sorted(types.items()):
        known = frame.claims.get(name)
        if known is None:
            found.append(f"{name} ({kind}) is new")
        elif kind not in known.types:
            found.append(f"{name} is {kind} instead of {' or '.join(known.types)}")
    return found


def _claims(several: Sequence[Mapping[str, str]]) -> dict[str, Claim]:
    names = {name for one in several for name in one}
    return {
        name: Claim(tuple(sorted({one[name] for one in several if name in one})), all(name in one for one in several))
        for name in sorted(names)
    }


def _audience(aud: object) -> str:
    return (
        " ".join(str(one) for one in aud) if isinstance(aud, Iterable) and not isinstance(aud, str) else str(aud or "")
    )
