"""Wrong client secrets are counted, by client and network, so that guessing is slow and never locks the client out."""

from __future__ import annotations

from datetime import timedelta

from idp import clock
from idp.audit.events import ThrottleHit
from idp.audit.log import Actor, record
from idp.db import transaction
from idp.web.addresses import client_address, network_of
from idp.web.request_ids import request_id
from idp.web.throttle import Limit, Rule, throttle

# One text for an unknown client, a disabled one and a wrong secret, key or certificate: nobody learns which exist.
REFUSED = "The client is not known here, is switched off, or did not prove who it is."
WINDOW = timedelta(minutes=1)
RULE = Rule("client", free=20, first_wait=WINDOW, longest_wait=WINDOW, doubles=False, window=WINDOW)


def note_failure(client_id: str) -> None:
    """Count one wrong secret of *client_id* from this network.

    A right secret is never counted and never refused, so nobody can keep the client itself away.

    Raises:
        TooManyAttempts: there were ``RULE.free`` within the last minute.

    """
    now, address = clock.utc_now(), client_address()
    reservation = throttle().reserve([Limit(RULE, f"{client_id} {network_of(address)}")], now)
    if any(blocked_until is not None for _, blocked_until in reservation.taken):
        # From here on tries are refused; said once, however many follow.
        event = ThrottleHit(target_id=client_id, limit=RULE.name, seconds=int(WINDOW.total_seconds()))
        with transaction() as session:
            record(session, event, now=now, actor=Actor(address=address, request_id=request_id()))
