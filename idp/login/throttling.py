"""How often a password may be guessed: per account and address, per account, per device, per address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from idp.accounts.names import key_of
from idp.web.addresses import network_of
from idp.web.throttle import QUARTER_HOUR, Limit, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_WAIT = QUARTER_HOUR

ACCOUNT_AND_ADDRESS = Rule("account", free=5, first_wait=timedelta(seconds=5), longest_wait=_LONGEST_WAIT, slides=True)
# A browser that the person has signed in from keeps its own count, so that nobody elsewhere can slow it down.
KNOWN_DEVICE = Rule("device", free=5, first_wait=timedelta(seconds=5), longest_wait=_LONGEST_WAIT, slides=True)
ACCOUNT_EVERYWHERE = Rule(
    "account_everywhere",
    free=20,
    first_wait=timedelta(minutes=1),
    longest_wait=timedelta(minutes=1),
    doubles=False,
)
ADDRESS = Rule("address", free=30, first_wait=timedelta(seconds=1), longest_wait=timedelta(seconds=30))
# Codes are short: whoever knows the password guesses few of them, from however many addresses.
CODE = Rule("code", free=10, first_wait=timedelta(minutes=1), longest_wait=_LONGEST_WAIT, slides=True)


def limits_for_code(name: str, *, person_id: str, device: str | None, address: str) -> Sequence[Limit]:
    """Return the limits that a try of a code counts against: those of the password, and one for codes alone."""
    limits = limits_for(name, person_id=person_id, device=device, address=address)
    return limits if device is not None else (*limits, Limit(CODE, person_id))


def limits_for(name: str, *, person_id: str | None, device: str | None, address: str) -> Sequence[Limit]:
    """Return the limits that a try to sign in as *name* from *address* counts against.

    ``device`` is the browser's fingerprint when the person is known by it. The counter of an account at one address
    goes by the name that was typed: going by the person would tell a guesser which two names are one person.
    """
    network = network_of(address)
    everywhere = Limit(ADDRESS, network)
    if device is not None and person_id is not None:
        return (Limit(KNOWN_DEVICE, f"{person_id} {device}"), everywhere)
    typed = key_of(name)
    return (
        Limit(ACCOUNT_AND_ADDRESS, f"{typed} {network}"),
        Limit(ACCOUNT_EVERYWHERE, person_id or f"name {typed}"),
        everywhere,
    )


def address_limit(address: str) -> Sequence[Limit]:
    """Return the limit on tries from *address* that nobody can guess right, such as those with passkeys."""
    return (Limit(ADDRESS, network_of(address)),)
