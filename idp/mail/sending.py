"""Sending what waits as mail; called by the background process alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from idp import clock
from idp.db import end_reading, transaction
from idp.deliveries import mail, store
from idp.deliveries.faults import NotSent
from idp.mail import smtp
from idp.mail.messages import build
from idp.mail.rendering import render
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.deliveries.store import Claimed

# A little longer than the server may take to answer.
_HELD = timedelta(seconds=smtp.CONTENT + 15)


def send(claimed: Claimed, now: datetime) -> None:
    """Send the mail *claimed*, made for this attempt.

    Raises:
        NotSent: it did not arrive at the mail server, or was refused there.

    """
    said = mail.read(service(Vault), claimed)
    if said is None:
        raise NotSent("What it says is not kept any more.", again=False)
    settings = service(Settings)
    message = build(settings, claimed.id, said.to, render(said), now)
    end_reading()
    with smtp.connected(settings) as connection:
        connection.send(message, before_content=lambda: _hold(claimed))


def _hold(claimed: Claimed) -> None:
    """Keep the delivery for as long as the server may look at it."""
    with transaction() as session:
        if not store.hold(session, claimed, clock.utc_now() + _HELD):
            raise NotSent("Somebody else is at it.", again=True)
