"""Recovery codes: ten at a time, for a lost phone; each is taken once, and is kept as a keyed hash alone."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import CursorResult, delete, func, select, update

from idp import opaque
from idp.factors.models import RecoveryCode

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.vault import Secrets

HOW_MANY: Final = 10
# With so few left, the person is told to make new ones.
LOW: Final = 2
_PARTS: Final = 3
_PART: Final = 4
_LONGEST_TYPED: Final = 64
# Typed from paper, these are taken for what they look like.
_LOOK_ALIKES = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": "", "\u00a0": "", "–": ""})


def replace(session: Session, secrets: Secrets, person_id: str, now: datetime) -> list[str]:
    """Give the person ten new codes; those before are worth nothing any more."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    made = [opaque.crockford(_PARTS * _PART) for _ in range(HOW_MANY)]
    for code in made:
        mac = _mac(secrets, person_id, code)
        session.add(RecoveryCode(id=opaque.new_id("rec"), person_id=person_id, fingerprint=mac, created_at=now))
    session.flush()
    return [shown(code) for code in made]


def shown(code: str) -> str:
    """Return *code* in groups of four, as it is read."""
    return "-".join(code[start : start + _PART] for start in range(0, len(code), _PART))


def use(session: Session, secrets: Secrets, person_id: str, typed: str, now: datetime) -> bool:
    """Take a code in whatever way it was *typed*; of any number of tries with one, one gets ``True``."""
    code = typed[:_LONGEST_TYPED].casefold().translate(_LOOK_ALIKES)
    taken = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.person_id == person_id,
            RecoveryCode.fingerprint == _mac(secrets, person_id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def left(session: Session, person_id: str) -> int:
    """Return how many codes the person has left."""
    query = select(func.count()).where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return session.execute(query).scalar_one()


def strip(session: Session, person_id: str) -> list[bool]:
    """Return for each code of the present set whether it was used; empty where the person has none."""
    query = select(RecoveryCode.used_at).where(RecoveryCode.person_id == person_id).order_by(RecoveryCode.used_at)
    return sorted((used is not None for used in session.execute(query).scalars()), reverse=True)


def made_at(session: Session, person_id: str) -> datetime | None:
    """Return when the present set was made."""
    query = select(RecoveryCode.created_at).where(RecoveryCode.person_id == person_id).limit(1)
    return session.execute(query).scalar_one_or_none()


def remove(session: Session, person_id: str) -> int:
    """Take every code away; return how many could still have been used."""
    usable = left(session, person_id)
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    return usable


def _mac(secrets: Secrets, person_id: str, code: str) -> str:
    return hmac.digest(secrets.derive("recovery codes"), f"{person_id} {code}".encode(), "sha256").hex()
