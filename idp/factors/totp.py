"""Codes of an authenticator app (RFC 6238): thirty seconds, six digits, each taken once."""

from __future__ import annotations

import base64
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

import pyotp
from sqlalchemy import CursorResult, or_, update

from idp import opaque
from idp.factors import store
from idp.factors.models import SecondFactor
from idp.vault import place_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.vault import Vault

DIGITS: Final = 6
STEP_SECONDS: Final = 30
# A clock may be off by one step to either side (RFC 6238 section 5.2).
_STEPS_OFF: Final = (0, -1, 1)
_SEED_BYTES: Final = 20


class Verdict(Enum):
    """What came of a code."""

    RIGHT = "right"
    WRONG = "wrong"
    USED = "used"


def place(factor_id: str) -> str:
    """Return what an encrypted seed is bound to."""
    return place_of(SecondFactor.__tablename__, factor_id, "secret")


def new_seed() -> str:
    """Return a seed of 160 random bits in base32, as authenticator apps take it."""
    return base64.b32encode(opaque.random_bytes(_SEED_BYTES)).decode()


def address(seed: str, *, account: str, site: str) -> str:
    """Return the ``otpauth:`` address that a QR code shows."""
    return pyotp.TOTP(seed, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=site)


def matching_step(seed: str, code: str, now: datetime) -> int | None:
    """Return the time step that *code* belongs to at *now*, one off at most; nothing for a wrong code."""
    present = int(now.timestamp()) // STEP_SECONDS
    made = pyotp.TOTP(seed, digits=DIGITS, interval=STEP_SECONDS)
    found = None
    for off in _STEPS_OFF:
        if opaque.same(made.generate_otp(present + off), code) and found is None:
            found = present + off
    return found


def add(session: Session, vault: Vault, person_id: str, seed: str, *, step: int, now: datetime) -> SecondFactor:
    """Give the person an authenticator app with *seed*, in place of the one before.

    ``step`` is that of the code which confirmed it: that code is used up.
    """
    row = store.new(person_id, store.TOTP, now)
    row.secret = vault.encrypt(seed.encode(), place=place(row.id))
    row.last_step = step
    store.put(session, row)
    return row


def use(session: Session, vault: Vault, person_id: str, code: str, now: datetime) -> Verdict:
    """Take *code* if it is the person's at *now* and none of its time step or a later one was taken before.

    Of two that bring the same code at once, one is right.
    """
    row = store.find(session, person_id, store.TOTP)
    if row is None or row.secret is None:
        return Verdict.WRONG
    step = matching_step(vault.decrypt(row.secret, place=place(row.id)).decode(), code, now)
    if step is None:
        return Verdict.WRONG
    taken = session.execute(
        update(SecondFactor)
        .where(SecondFactor.id == row.id, or_(SecondFactor.last_step.is_(None), SecondFactor.last_step < step))
        .values(last_step=step, last_used_at=now)
        .execution_options(synchronize_session=False)
    )
    return Verdict.RIGHT if cast("CursorResult[Any]", taken).rowcount == 1 else Verdict.USED
