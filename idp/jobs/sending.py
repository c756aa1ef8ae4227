"""Sending what is due: one delivery after the other, each claimed first, so that no two processes send the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from idp.audit.log import SYSTEM, record
from idp.clock import utc_now
from idp.db import db, transaction
from idp.deliveries import administration, store
from idp.deliveries.faults import NotSent
from idp.mail import sending
from idp.oidc import back_channel
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flask import Flask

    from idp.deliveries.store import Claimed

_log = structlog.get_logger(__name__)

# What sends each kind; it raises NotSent.
_SENDERS: Final[Mapping[str, Callable[[Claimed, datetime], None]]] = {
    store.LOGOUT_TOKEN: back_channel.tell,
    store.MAIL: sending.send,
}


def kinds() -> list[str]:
    """Return what this installation can send; mail waits until there is a mail server for it."""
    return [kind for kind in _SENDERS if kind != store.MAIL or service(Settings).mail.is_set_up]


def send_due(app: Flask) -> int:
    """Send everything that is due and that nobody else is at; return how many attempts were made."""
    attempts = 0
    with app.app_context():
        try:
            while (claimed := _claim()) is not None:
                attempts += 1
                _send(claimed)
        finally:
            db.session.remove()
    return attempts


def _claim() -> Claimed | None:
    with transaction() as session:
        return store.claim(session, utc_now(), kinds())


def _send(claimed: Claimed) -> None:
    try:
        _SENDERS[claimed.kind](claimed, utc_now())
    except NotSent as error:
        _not_sent(claimed, error)
    except Exception:  # noqa: BLE001 - one that cannot be sent must not keep the others
        _log.exception("delivery_failed", delivery=claimed.id, kind=claimed.kind)
        _not_sent(claimed, NotSent("Something went wrong here; the log of this server says what.", again=True))
    else:
        with transaction() as session:
            store.succeed(session, claimed, utc_now())


def _not_sent(claimed: Claimed, error: NotSent) -> None:
    with transaction() as session:
        now = utc_now()
        if store.fail(session, claimed, error, now) == store.FAILED:
            record(session, administration.failure(session, claimed, str(error)), now=now, actor=SYSTEM)
