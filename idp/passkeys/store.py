"""The passkeys of people: find, add, rename, note a use, remove."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from idp import opaque
from idp.errors import Conflict, FieldErrors
from idp.passkeys.models import Passkey, PasskeyOffer
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.passkeys.ceremonies import NewCredential

MOST_PER_PERSON = 50
LONGEST_NAME = 100
OFFERED_EVERY = timedelta(days=30)


class PasskeyTaken(Conflict):
    """The credential is known here already, or the person has as many as there may be."""


def of_person(session: Session, person_id: str) -> list[Passkey]:
    """Return the passkeys of *person_id*, the oldest first."""
    query = select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.created_at, Passkey.id)
    return list(session.execute(query).scalars())


def count_of(session: Session, person_id: str) -> int:
    """Return how many passkeys *person_id* has."""
    return session.execute(select(func.count()).where(Passkey.person_id == person_id)).scalar_one()


def find(session: Session, person_id: str, passkey_id: str) -> Passkey | None:
    """Return the passkey *passkey_id* when it is of *person_id*."""
    # PostgreSQL refuses to compare with a zero byte.
    if "\0" in passkey_id:
        return None
    query = select(Passkey).where(Passkey.id == passkey_id, Passkey.person_id == person_id)
    return session.execute(query).scalar_one_or_none()


def find_by_credential(session: Session, credential_id: str) -> Passkey | None:
    """Return the passkey with this credential id (base64url)."""
    return session.execute(select(Passkey).where(Passkey.credential_id == credential_id)).scalar_one_or_none()


def add(session: Session, person_id: str, made: NewCredential, *, name: str, now: datetime) -> Passkey:
    """Keep a verified credential.

    Raises:
        PasskeyTaken: somebody has it already, or *person_id* has fifty; nothing was written.

    """
    if count_of(session, person_id) >= MOST_PER_PERSON:
        message = say("This account has %(most)s passkeys already. Remove one first.", most=MOST_PER_PERSON)
        raise PasskeyTaken(message)
    passkey = Passkey(
        id=opaque.new_id("psk"),
        person_id=person_id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        transports=list(made.transports),
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
        name=name,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(passkey)
    except IntegrityError as error:
        message = say("This passkey is already in use here.")
        raise PasskeyTaken(message) from error
    return passkey


def rename(session: Session, passkey: Passkey, name: str) -> None:
    """Call *passkey* something else.

    Raises:
        FieldErrors: the name is empty or too long.

    """
    chosen = " ".join(name.split())
    if not chosen:
        raise FieldErrors({"name": say("Enter a name.")})
    if len(chosen) > LONGEST_NAME:
        raise FieldErrors({"name": say("Use at most %(most)s characters.", most=LONGEST_NAME)})
    passkey.name = chosen
    session.flush()


def note_use(  # noqa: PLR0913 - keyword only: what a use tells
    session: Session, passkey_id: str, *, seen: int, sign_count: int, backed_up: bool, device: str, now: datetime
) -> bool:
    """Note a verified use; false when the passkey is gone, or its counter is no longer the one that was *seen*.

    So of two answers that count the same, which only a copied authenticator gives, one alone is believed.
    """
    changed = session.execute(
        update(Passkey)
        .where(Passkey.id == passkey_id, Passkey.sign_count == seen)
        .values(sign_count=sign_count, backed_up=backed_up, last_used_at=now, last_used_on=device)
        .execution_options(synchronize_session=False)
    )
    return _count(changed) > 0


def remove(session: Session, passkey: Passkey) -> None:
    """Forget *passkey*; nobody signs in with it again."""
    session.delete(passkey)
    session.flush()


def take_offer(session: Session, person_id: str, now: datetime) -> bool:
    """Tell whether *person_id* is to be offered a passkey now, and note that they are: once in thirty days."""
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    adding = dialect.insert(PasskeyOffer).values(person_id=person_id, offered_at=now)
    offering = adding.on_conflict_do_update(
        index_elements=["person_id"],
        set_={"offered_at": now},
        where=or_(PasskeyOffer.offered_at <= now - OFFERED_EVERY, PasskeyOffer.offered_at > now),
    )
    # Not by the number of rows, which PostgreSQL's driver does not tell of an insertion.
    return session.execute(offering.returning(PasskeyOffer.person_id)).first() is not None


def descriptors(passkeys: Sequence[Passkey]) -> list[dict[str, Any]]:
    """Return *passkeys* as requests name them (PublicKeyCredentialDescriptorJSON)."""
    return [
        {"type": "public-key", "id": passkey.credential_id, "transports": list(passkey.transports)}
        for passkey in passkeys
    ]


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
