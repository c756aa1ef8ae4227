"""What a consent page shows line by line: each scope in plain words, with the values that would be shared."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from idp.accounts import groups
from idp.accounts.models import Person
from idp.protocol import scopes

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


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page: the scope, its sentence, the values that would be shared, and whether it is new."""

    scope: str
    sentence: str
    values: str
    icon: str
    is_new: bool

    @property
    def is_optional(self) -> bool:
        """Tell whether the person may leave it out."""
        return self.scope in OPTIONAL


def lines_for(session: Session, person_id: str, asked: Iterable[str], remembered: Collection[str]) -> list[Line]:
    """Return a line for each scope in *asked*; *remembered* are those that the person has allowed before."""
    person = session.get(Person, person_id)
    return [
        Line(
            scope=name,
            sentence=scopes.sentence(name),
            values="" if person is None else _values(session, name, person),
            icon=_ICONS.get(name, _ICON_OF_OTHERS),
            # With nothing allowed before, everything is new, and the word would say nothing.
            is_new=bool(remembered) and name not in remembered,
        )
        for name in asked
    ]


def _values(session: Session, scope: str, person: Person) -> str:
    if scope == "profile":
        return ", ".join(filter(None, (person.name, person.username)))
    if scope == "email":
        return person.email
    if scope == "groups":
        return ", ".join(groups.names_of(session, person.id)) or "You are in no group"
    if scope == "phone":
        return str(person.claims.get("phone_number", ""))
    return ""
