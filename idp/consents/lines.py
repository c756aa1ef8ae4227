"""What a consent page shows line by line: each scope or single claim in plain words, with the values to be shared."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from idp.accounts import groups
from idp.accounts.models import Person
from idp.protocol import claims, claims_request, scopes
from idp.wording import say

# What a person may leave out without the sign-in losing its meaning.
OPTIONAL = frozenset({scopes.OFFLINE_ACCESS})
_ICONS = {
    "openid": "shield-check",
    "profile": "user-round",
    "email": "mail",
    "address": "map-pin",
    "phone": "phone",
    "groups": "users",
    "offline_access": "rotate-cw",
}
_ICON_OF_OTHERS = "key-round"
_ICON_OF_A_CLAIM = "user-round"
# What a claim means to a person who is asked for it alone.
_CLAIMS = {
    "name": say("See your name"),
    "given_name": say("See your given name"),
    "family_name": say("See your family name"),
    "middle_name": say("See your middle name"),
    "nickname": say("See your nickname"),
    "preferred_username": say("See your username"),
    "profile": say("See your profile page"),
    "picture": say("See your picture"),
    "website": say("See your website"),
    "gender": say("See your gender"),
    "birthdate": say("See your date of birth"),
    "zoneinfo": say("See your time zone"),
    "locale": say("See your language"),
    "updated_at": say("See when your profile was last changed"),
    "email": say("See your email address"),
    "email_verified": say("See whether your email address was checked"),
    "phone_number": say("See your phone number"),
    "phone_number_verified": say("See whether your phone number was checked"),
    "address": say("See your postal address"),
    "groups": say("See which groups you are in"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a scope (or the entry of a claim), its sentence, the values to be shared, and whether it is new."""

    scope: str
    sentence: str
    values: str
    icon: str
    is_new: bool

    @property
    def is_optional(self) -> bool:
        """Tell whether the person may leave it out."""
        return self.scope in OPTIONAL


def sentence(entry: str) -> str:
    """Return what a scope, or the entry of a single claim, means to a person."""
    claim = claims_request.claim_of(entry)
    if claim is None:
        return scopes.sentence(entry)
    return _CLAIMS.get(claim) or say("See your %(claim)s", claim=claim.replace("_", " "))


def lines_for(session: Session, person_id: str, asked: Iterable[str], remembered: Collection[str]) -> list[Line]:
    """Return a line for each scope or entry in *asked*; *remembered* are those that the person has allowed before."""
    person = session.get(Person, person_id)
    return [
        Line(
            scope=name,
            sentence=sentence(name),
            values="" if person is None else _values(session, name, person),
            icon=_icon(name),
            # With nothing allowed before, everything is new, and the word would say nothing.
            is_new=bool(remembered) and name not in remembered,
        )
        for name in asked
    ]


def _icon(entry: str) -> str:
    claim = claims_request.claim_of(entry)
    if claim is None:
        return _ICONS.get(entry, _ICON_OF_OTHERS)
    return _ICONS.get(claims.SCOPE_OF.get(claim, ""), _ICON_OF_A_CLAIM)


def _values(session: Session, entry: str, person: Person) -> str:
    claim = claims_request.claim_of(entry)
    if claim is not None:
        return _value_of(session, claim, person)
    if entry == "profile":
        return ", ".join(filter(None, (person.name, person.username)))
    if entry == "email":
        return person.email
    if entry == "groups":
        return _group_names(session, person)
    if entry == "phone":
        return str(person.claims.get("phone_number", ""))
    return ""


def _value_of(session: Session, claim: str, person: Person) -> str:
    """Return the value of one claim in words; an instant or a yes or no would say less than its sentence does."""
    if claim == "groups":
        return _group_names(session, person)
    told = {"name": person.name, "preferred_username": person.username, "email": person.email}
    value = told.get(claim) or person.claims.get(claim)
    if isinstance(value, dict):
        return ", ".join(str(part) for part in value.values())
    return value if isinstance(value, str) else ""


def _group_names(session: Session, person: Person) -> str:
    return ", ".join(groups.names_of(session, person.id)) or say("You are in no group")
