"""People: find, add, change, disable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, inspect, or_, select, true
from sqlalchemy.exc import IntegrityError

from idp import opaque
from idp.accounts.models import Person
from idp.accounts.names import email_fault, key_of, name_fault, username_fault
from idp.accounts.paging import PAGE_SIZE, Slice, Span, take
from idp.errors import Conflict, FieldErrors
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

_TAKEN = {
    "username": say("Somebody else has this username."),
    "email": say("Somebody else has this email address."),
}
_CHANGEABLE = frozenset({"username", "email", "email_verified", "name", "claims", "is_admin", "theme"})
THEMES = ("system", "light", "dark")

__all__ = [
    "THEMES",
    "LastAdministrator",
    "Page",
    "add",
    "admin_count",
    "check_names",
    "delete",
    "ensure_not_last_admin",
    "find",
    "find_by_login",
    "key_of",
    "note_sign_in",
    "page",
    "replace_hash",
    "require_new_password",
    "set_disabled",
    "set_password_hash",
    "update",
]


class LastAdministrator(Conflict):
    """Nobody would be left who can administer this installation."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of people in the order of their usernames, and the keys from which to go on."""

    people: Sequence[Person]
    # All that match, on every page.
    total: int
    before: str | None
    after: str | None


def find(session: Session, person_id: str, *, lock: bool = False) -> Person | None:
    """Return the person *person_id*; with *lock* as they are now, and nobody else changes them until the commit."""
    # PostgreSQL refuses to compare with a zero byte.
    if "\0" in person_id:
        return None
    return session.get(Person, person_id, with_for_update=lock or None, populate_existing=lock)


def find_by_login(session: Session, name: str) -> Person | None:
    """Return whoever has *name* as username or email address, in any spelling that means the same."""
    key = key_of(name)
    if "\0" in key:
        return None
    # Usernames hold no @, so one name is never two people.
    column = Person.email_key if "@" in key else Person.username_key
    return session.execute(select(Person).where(column == key)).scalar_one_or_none()


def add(  # noqa: PLR0913 - keyword only: what a person consists of
    session: Session,
    *,
    username: str,
    email: str,
    email_verified: bool,
    name: str = "",
    claims: dict[str, Any] | None = None,
    is_admin: bool = False,
    password_hash: str | None,
    must_change_password: bool = False,
    person_id: str = "",
    now: datetime,
) -> Person:
    """Add a person; *claims* have been checked (``idp.protocol.claims``), *person_id* was made here before, if any.

    Raises:
        FieldErrors: ``username``, ``email`` or ``name`` cannot be taken; nothing was written.

    """
    names = check_names({"username": username, "email": email, "name": name})
    person = Person(id=person_id or opaque.new_id("usr"), created_at=now)
    rest = {
        "email_verified": email_verified,
        "claims": dict(claims or {}),
        "is_admin": is_admin,
        "password_hash": password_hash,
        "password_changed_at": now if password_hash else None,
        "must_change_password": must_change_password,
    }
    _write(session, person, names | rest, now)
    return person


def check_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* with ``username``, ``email`` and ``name`` trimmed; whether they are taken is seen when writing.

    Raises:
        FieldErrors: one sentence for each of them that cannot be.

    """
    checks = {"username": username_fault, "email": email_fault, "name": name_fault}
    clean = {field: str(values[field]).strip() if field in checks else values[field] for field in values}
    faults = {field: fault for field, check in checks.items() if field in clean and (fault := check(clean[field]))}
    if faults:
        raise FieldErrors(faults)
    return clean


def update(session: Session, person: Person, *, changes: dict[str, Any], now: datetime) -> None:
    """Set the fields *changes* names: username, email, email_verified, name, claims, is_admin, theme, and no other.

    Raises:
        FieldErrors: a value cannot be taken; nothing was written.
        LastAdministrator: administrator rights were to be taken from the last one who can sign in.

    """
    unknown = changes.keys() - _CHANGEABLE
    if unknown:
        message = f"not a field that can be changed: {sorted(unknown)}"
        raise ValueError(message)
    values = check_names(changes)
    if values.get("theme", "system") not in THEMES:
        raise FieldErrors({"theme": say("Choose one of these.")})
    if person.is_admin and values.get("is_admin") is False:
        ensure_not_last_admin(session, person)
    _write(session, person, values, now)


def set_disabled(session: Session, person: Person, disabled: bool, now: datetime) -> bool:  # noqa: FBT001 - reads as set_disabled(session, person, True, now)
    """Disable or enable *person*; return whether that changed anything. Ending sessions and tokens is the caller's.

    Raises:
        LastAdministrator: the last administrator who can sign in was to be disabled.

    """
    if disabled == (person.disabled_at is not None):
        return False
    if disabled:
        ensure_not_last_admin(session, person)
    person.disabled_at = now if disabled else None
    person.updated_at = now
    session.flush()
    return True


def delete(session: Session, person: Person) -> None:
    """Delete *person* with all rows that are theirs. Ending sessions, and whether they may go, is the caller's."""
    session.expunge(person)
    session.execute(delete_rows(Person).where(Person.id == person.id))


def set_password_hash(
    session: Session, person: Person, password_hash: str, now: datetime, *, must_change: bool = False
) -> None:
    """Store the hash of a new password; with *must_change* the next sign-in asks for another one."""
    person.password_hash = password_hash
    person.password_changed_at = now
    person.must_change_password = must_change
    person.updated_at = now
    session.flush()


def require_new_password(session: Session, person: Person, now: datetime) -> None:
    """Have the next sign-in ask for another password. Ending sessions and tokens is the caller's."""
    person.must_change_password = True
    person.updated_at = now
    session.flush()


def replace_hash(session: Session, person: Person, password_hash: str) -> None:
    """Store the same password's hash under newer parameters: nothing that a person did, so no time changes."""
    person.password_hash = password_hash
    session.flush()


def note_sign_in(session: Session, person: Person, now: datetime) -> None:
    """Remember when *person* last signed in."""
    person.last_sign_in_at = now
    session.flush()


def admin_count(session: Session) -> int:
    """Return how many administrators can sign in."""
    return session.execute(select(func.count()).select_from(Person).where(*_working_admin())).scalar_one()


def ensure_not_last_admin(session: Session, person: Person) -> None:
    """Refuse when *person* is the only administrator who can sign in.

    The rows of all administrators are locked in one order, so of two parallel removals the second sees the first; on
    SQLite the write lock of the transaction does the same.

    Raises:
        LastAdministrator: nobody else is left.

    """
    locked = select(Person.id).where(*_working_admin()).order_by(Person.id).with_for_update()
    admins = set(session.execute(locked).scalars())
    if person.id in admins and len(admins) == 1:
        message = say("This is the last administrator who can sign in. Make somebody else administrator first.")
        raise LastAdministrator(message)


def page(
    session: Session, *, search: str = "", before: str | None = None, after: str | None = None, limit: int = PAGE_SIZE
) -> Page:
    """Return up to *limit* people whose name, username, email address or id holds *search*.

    ``after`` and ``before`` are the keys that another page named; an unknown key is as good as any other.
    """
    matching = _matching(search)
    total = session.execute(select(func.count()).select_from(Person).where(*matching)).scalar_one()
    query = select(Person).where(*matching)
    found: Slice[Person] = take(
        session, query, Person.username_key, Span(before, after, limit), lambda person: person.username_key
    )
    return Page(people=found.rows, total=total, before=found.before, after=found.after)


def _matching(search: str) -> list[ColumnElement[bool]]:
    text = search.strip()
    if not text:
        return []
    key = key_of(text)
    return [
        or_(
            Person.username_key.contains(key, autoescape=True),
            Person.email_key.contains(key, autoescape=True),
            Person.name.icontains(text, autoescape=True),
            Person.id == text,
        )
    ]


def _working_admin() -> tuple[ColumnElement[bool], ...]:
    return (Person.is_admin.is_(True), Person.disabled_at.is_(None))


def _write(session: Session, person: Person, values: dict[str, Any], now: datetime) -> None:
    """Set *values* and flush; a name that somebody else took, even a moment ago, is a fault of its field."""
    try:
        # Inside the savepoint, so that a name that is taken does not end the caller's transaction on PostgreSQL.
        with session.begin_nested():
            for field, value in values.items():
                setattr(person, field, value)
            if "username" in values:
                person.username_key = key_of(values["username"])
            if "email" in values:
                person.email_key = key_of(values["email"])
            person.updated_at = now
            session.add(person)
    except IntegrityError as error:
        faults = _taken(session, values, person_id=inspect(person).identity)
        if not faults:
            raise
        raise FieldErrors(faults) from error


def _taken(session: Session, values: dict[str, Any], person_id: tuple[str] | None) -> dict[str, str]:
    own = Person.id != person_id[0] if person_id else true()
    columns = {"username": Person.username_key, "email": Person.email_key}
    return {
        field: _TAKEN[field]
        for field, column in columns.items()
        if field in values and session.execute(select(Person.id).where(column == key_of(values[field]), own)).first()
    }
