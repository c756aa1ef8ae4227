"""Setting up an authenticator app: a seed that is shown, and kept only once a code made from it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import segno

from idp.factors import totp
from idp.settings import Settings
from idp.vault import Vault, VaultError
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from datetime import datetime

_GROUP = 4
# The white around a QR code, in modules (ISO/IEC 18004).
_QUIET = 4
_LONGEST_ENVELOPE = 400

MISSING = say("Enter the 6 digits that your authenticator app shows.")
WRONG = say("That code is not right. Enter the one that your authenticator app shows now.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A seed as a page shows it; ``envelope`` goes through the form, and nobody else's form can use it."""

    seed: str
    envelope: str
    account: str

    @property
    def groups(self) -> str:
        """The seed in groups of four, to be typed."""
        return " ".join(self.seed[start : start + _GROUP] for start in range(0, len(self.seed), _GROUP))

    @property
    def address(self) -> str:
        """The address that opens an authenticator app on the same device."""
        return totp.address(self.seed, account=self.account, site=service(Settings).site_name)

    @property
    def qr_size(self) -> int:
        """How many modules the QR code is wide, the white around it counted."""
        return len(self._matrix()) + 2 * _QUIET

    @property
    def qr_path(self) -> str:
        """The dark modules of the QR code as the data of an SVG path."""
        return "".join(
            f"M{column + _QUIET} {row + _QUIET}h1v1h-1z"
            for row, line in enumerate(self._matrix())
            for column, dark in enumerate(line)
            if dark
        )

    def _matrix(self) -> tuple[bytearray, ...]:
        return tuple(segno.make(self.address, error="m", micro=False).matrix)


def offer(person_id: str, account: str, *, holder: str, envelope: str = "") -> Offer:
    """Return a new seed for the person, or the one that *envelope* of an earlier page holds.

    ``holder`` names what the page belongs to: a session, or a half-finished sign-in.
    """
    seed = _opened(person_id, holder, envelope)
    if seed is None:
        seed = totp.new_seed()
        envelope = service(Vault).encrypt(seed.encode(), place=_place(person_id, holder))
    return Offer(seed, envelope, account)


def confirmed_step(given: Offer, typed: str, now: datetime) -> int | None:
    """Return the time step of the code that was *typed*, if it was made from the seed; nothing for another."""
    code = "".join(typed.split())
    return totp.matching_step(given.seed, code, now) if len(code) == totp.DIGITS and code.isdecimal() else None


def _opened(person_id: str, holder: str, envelope: str) -> str | None:
    if not envelope or len(envelope) > _LONGEST_ENVELOPE:
        return None
    try:
        return service(Vault).decrypt(envelope, place=_place(person_id, holder)).decode()
    except VaultError:
        return None


def _place(person_id: str, holder: str) -> str:
    return f"enrolment/{person_id}/{holder}"
