"""The language in which whoever has an address is written to, whether they have an account or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.accounts import store as accounts
from idp.web import language

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def language_of(session: Session, email: str, *, is_here: bool = False) -> str:
    """Return the language of whoever has the address *email*; *is_here*: they are who looks at the page."""
    person = accounts.find_by_login(session, email.strip()) if email else None
    return language.of_person(person.claims.get("locale") if person else None, is_here=is_here)
