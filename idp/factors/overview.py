"""What a person has beside the password, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.factors import recovery_codes, remembered, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.factors.models import SecondFactor


@dataclass(frozen=True, slots=True)
class Overview:
    """The second factors, how many recovery codes are left, and in how many browsers nobody is asked."""

    factors: Sequence[SecondFactor]
    codes_left: int
    browsers: int

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing beside the password."""
        return not self.factors and not self.codes_left


def of_person(session: Session, person: Person, now: datetime) -> Overview:
    """Return what *person* has."""
    return Overview(
        factors=store.of_person(session, person.id),
        codes_left=recovery_codes.left(session, person.id),
        browsers=len(remembered.of_person(session, person, now)),
    )
