"""What one use of a passkey proves."""

from __future__ import annotations

from typing import Final

from idp.login.method import Method
from idp.protocol import acr

# One was made just now: somebody was at the device, and nothing has proven yet that the key is there to be used.
MADE: Final = Method("new_passkey", amr=("user",), acr=acr.PASSWORD)


def method(*, backup_eligible: bool, user_verified: bool, is_alone: bool = True) -> Method:
    """Return what one use of a passkey proves (RFC 8176).

    A key that may be copied to other devices is in the keeping of software. Two factors it is where the authenticator
    checked who held it, and possession alone where it did not; beside a password that is what was missing.
    """
    held = ("swk" if backup_eligible else "hwk", "user")
    if user_verified:
        return Method("passkey", amr=(*held, "mfa"), acr=acr.PHISHING_RESISTANT)
    return Method("passkey", amr=held, acr=acr.PASSWORD if is_alone else acr.PHISHING_RESISTANT)
