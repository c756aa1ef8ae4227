"""The `claims` parameter: single claims that a request asks for beside its scopes (OpenID Connect Core section 5.5)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from idp.diagnosis import reasons
from idp.errors import InvalidRequest
from idp.protocol import claims, strict_json
from idp.protocol.acr import AcrRequest

MAX_DEPTH = 6
_MEMBERS = ("userinfo", "id_token")
# A consent to one claim is kept among the scopes. No scope has a blank in it (RFC 6749 section 3.3).
_ENTRY = "claim "


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What was asked for: names of claims about the person, by where they are to be told.

    `subjects` are those that the person must be one of, `None` where the request names none; `acr` are the levels asked
    for. Unknown claims have been left out, and so have values that a claim about a person should have: the client gets
    what is true, and compares.
    """

    userinfo: frozenset[str] = frozenset()
    id_token: frozenset[str] = frozenset()
    subjects: frozenset[str] | None = None
    acr: AcrRequest | None = None

    def entries(self, scopes: Collection[str]) -> frozenset[str]:
        """Return what the person has to allow beside *scopes*: an entry for each claim that none of them covers."""
        return frozenset(
            entry_of(name) for name in self.userinfo | self.id_token if claims.SCOPE_OF[name] not in scopes
        )

    def kept(self, granted: Collection[str]) -> dict[str, list[str]] | None:
        """Return what to keep with a grant of *granted* (scopes and entries); nothing where nothing is to be told.

        What a granted scope tells at userinfo anyway is not kept for it, so that a narrower token tells less.
        """
        id_token = [name for name in self.id_token if _is_covered(name, granted)]
        userinfo = [name for name in self.userinfo if entry_of(name) in granted]
        return {"userinfo": sorted(userinfo), "id_token": sorted(id_token)} if userinfo or id_token else None


NOTHING = ClaimsRequest()


def parse(text: str | None, allowed: Collection[str]) -> ClaimsRequest:
    """Read a claims parameter; claims of scopes outside *allowed*, what the client may ask for at all, fall away.

    Raises:
        InvalidRequest: it is no JSON object of the form of section 5.5, holds a name twice, or is nested too deeply.

    """
    if text is None:
        return NOTHING
    try:
        given = strict_json.parse_object(text, max_depth=MAX_DEPTH)
        userinfo, id_token = (_member(given, name) for name in _MEMBERS)
        return ClaimsRequest(
            userinfo=_known(userinfo, allowed),
            id_token=_known(id_token, allowed),
            subjects=_subjects(userinfo.get("sub"), id_token.get("sub")),
            acr=_acr(id_token.get("acr")),
        )
    except ValueError as error:
        raise InvalidRequest(
            "claims is not a JSON object as OpenID Connect Core section 5.5 has it.",
            reason=reasons.CLAIMS,
            detail=str(error),
        ) from None


def named(
    kept: Mapping[str, Any] | None, member: str, *, narrowed: Collection[str], allowed: Collection[str]
) -> set[str]:
    """Return the claims to tell in *member* (`userinfo` or `id_token`) by what was *kept* with the grant.

    *narrowed* are scopes that the grant has and this token has not, *allowed* what the client may ask for today.
    """
    found = (kept or {}).get(member, ())
    return {
        name for name in found if claims.SCOPE_OF.get(name) in allowed and claims.SCOPE_OF.get(name) not in narrowed
    }


def entry_of(name: str) -> str:
    """Return the entry under which consent to the single claim *name* is kept."""
    return f"{_ENTRY}{name}"


def claim_of(entry: str) -> str | None:
    """Return the claim that *entry* stands for, `None` for a scope."""
    return entry.removeprefix(_ENTRY) if entry.startswith(_ENTRY) else None


def scopes_of(entries: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes among *entries*, in their order."""
    return tuple(entry for entry in entries if claim_of(entry) is None)


def covered(entries: Iterable[str], scopes: Collection[str]) -> frozenset[str]:
    """Return those of *entries* that consent to *scopes* covers."""
    return frozenset(entry for entry in entries if claims.SCOPE_OF.get(claim_of(entry) or "") in scopes)


def _is_covered(name: str, granted: Collection[str]) -> bool:
    return entry_of(name) in granted or claims.SCOPE_OF[name] in granted


def _member(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object.")
    for claim, wanted in found.items():
        _check(claim, wanted)
    return found


def _check(claim: str, wanted: object) -> None:
    if wanted is None:
        return
    if not isinstance(wanted, dict):
        raise ValueError(f"{claim} is neither null nor an object.")
    if not isinstance(wanted.get("essential", False), bool):
        raise ValueError(f"essential of {claim} is not a boolean.")
    if not isinstance(wanted.get("values", []), list):
        raise ValueError(f"values of {claim} is not an array.")


def _known(member: Mapping[str, Any], allowed: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in member if claims.SCOPE_OF.get(name) in allowed)


def _texts(wanted: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the values that a claim should have one of; only of those claims whose values count."""
    if wanted is None:
        return ()
    found = [wanted["value"]] if wanted.get("value") is not None else wanted.get("values", [])
    if not all(isinstance(one, str) and one for one in found):
        raise ValueError("A value is not text.")
    return tuple(dict.fromkeys(found))


def _subjects(*members: Mapping[str, Any] | None) -> frozenset[str] | None:
    named_sets = [frozenset(texts) for texts in map(_texts, members) if texts]
    return frozenset.intersection(*named_sets) if named_sets else None


def _acr(wanted: Mapping[str, Any] | None) -> AcrRequest | None:
    values = _texts(wanted)
    return AcrRequest(values, is_essential=bool((wanted or {}).get("essential"))) if values else None
