"""Giving an address, to which a link is mailed that proves it: the same answer whether it has an account or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from idp import clock
from idp.accounts.names import email_fault, key_of
from idp.audit.events import ThrottleHit
from idp.audit.log import record
from idp.db import transaction
from idp.errors import FieldErrors
from idp.invitations import signing_up
from idp.login import recipients
from idp.login.actor import actor
from idp.settings import Settings
from idp.vault import Vault
from idp.web.addresses import client_address, network_of
from idp.web.current import service
from idp.web.throttle import QUARTER_HOUR, Blocked, Limit, Rule, throttle
from idp.wording import say, say_count

if TYPE_CHECKING:
    from idp.invitations.signing_up import Wish
    from idp.wording import Sentence

# No mailbox is to be flooded from here, and nobody is to try addresses out by the thousand.
ADDRESS: Final = Rule(
    "sign_up_address",
    free=3,
    first_wait=timedelta(minutes=1),
    longest_wait=timedelta(hours=1),
    window=timedelta(hours=24),
    slides=True,
)
NETWORK: Final = Rule(
    "sign_up_network", free=20, first_wait=timedelta(seconds=30), longest_wait=QUARTER_HOUR, slides=True
)
_SECONDS_SHOWN = 90


def ask(wish: Wish, *, domains: tuple[str, ...] | None = None) -> None:
    """Mail a link to the address of *wish*, or tell its owner of the account that it has.

    Raises:
        FieldErrors: it is no address, none of *domains* (``None``: any), or was given too often.

    """
    fault = email_fault(wish.email) or _domain_fault(wish.email, domains)
    if fault:
        raise FieldErrors({"email": fault})
    now = clock.utc_now()
    limits = (Limit(ADDRESS, key_of(wish.email)), Limit(NETWORK, network_of(client_address())))
    try:
        reservation = throttle().reserve(limits, now)
    except Blocked as blocked:
        raise FieldErrors({"email": _too_often(blocked)}) from None
    with transaction() as session:
        wish = replace(wish, language=recipients.language_of(session, wish.email, is_here=True))
        lifetime = service(Settings).sign_up.link_lifetime
        signing_up.begin(session, service(Vault), wish, lifetime=lifetime, actor=actor(), now=now)
        for key, blocked_until in reservation.taken:
            if blocked_until is not None:
                seconds = max(1, int((blocked_until - now).total_seconds()))
                record(session, ThrottleHit(limit=key.partition(":")[0], seconds=seconds), now=now, actor=actor())


def _domain_fault(email: str, domains: tuple[str, ...] | None) -> str | None:
    if domains is None or key_of(email).rpartition("@")[2] in domains:
        return None
    if len(domains) == 1:
        return say("Use an address at %(domain)s. Anybody else needs an invitation.", domain=domains[0])
    names = ", ".join(domains)
    return say("Use an address at one of these: %(domains)s. Anybody else needs an invitation.", domains=names)


def _too_often(blocked: Blocked) -> Sentence:
    wait = blocked.retry_after or 1
    if wait <= _SECONDS_SHOWN:
        return say("This was tried too often. Try again in %(seconds)s s.", seconds=wait)
    minutes = -(-wait // 60)
    return say_count(
        "This was tried too often. Try again in %(count)s minute.",
        "This was tried too often. Try again in %(count)s minutes.",
        minutes,
    )
