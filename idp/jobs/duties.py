"""What the background process does again and again; each duty may run twice without harm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from idp import opaque
from idp.accounts import links
from idp.audit import refusals, seals
from idp.clock import utc_now
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.db import db, transaction
from idp.deliveries import sign_outs, store, unsent
from idp.factors import remembered
from idp.interactions import store as interactions
from idp.invitations import store as invitations
from idp.jobs import leases, queue
from idp.jobs.sending import kinds
from idp.keys import ledger, readiness, rotation
from idp.oidc import unused_clients
from idp.passkeys import challenges
from idp.sessions import pending
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import purge
from idp.vault import Secrets, Vault
from idp.web import throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_log = structlog.get_logger(__name__)
_HOLDER = opaque.new_id("wrk")


@dataclass(frozen=True, slots=True)
class Duty:
    """One task, how often it is due, and for how long its lease keeps others from it."""

    name: str
    every: timedelta
    lease: timedelta
    run: Callable[[Flask], None]


def seal_audit(app: Flask) -> None:
    """Chain the audit rows committed since the last time."""
    sealed = 1
    while sealed:
        with transaction() as session:
            sealed = seals.seal_batch(session, app.extensions["idp"][Secrets], utc_now())


def check_audit(app: Flask) -> None:
    """Verify the whole chain, and keep the result for the audit page."""
    report = seals.verify_chain(db.session(), app.extensions["idp"][Secrets])
    with transaction() as session:
        seals.remember(session, report, utc_now())
    if not report.is_intact:
        _log.error("audit_chain_broken", entry=report.broken_at, fault=report.fault)


def rotate_keys(app: Flask) -> None:
    """Publish, promote and retire signing keys as the schedule says."""
    services = app.extensions["idp"]
    rotation.run_schedule(db.session(), services[Vault], services[Settings], now=utc_now())


def purge_expired(app: Flask) -> None:
    """Delete what nothing can refer to any more."""
    settings = app.extensions["idp"][Settings]
    idle, keep = settings.session.idle, settings.registration.keep_unused
    unused = partial(unused_clients.purge, keep=keep)
    ledgers = partial(ledger.purge, keep=readiness.ACTIVE + settings.keys.publish_ahead)
    others = (
        unused,
        pending.purge,
        remembered.purge,
        challenges.purge,
        interactions.purge,
        invitations.purge,
        refusals.purge,
        throttle.purge,
        store.expire,
        store.purge,
        sign_outs.purge,
        links.purge,
        ledgers,
        *(() if settings.mail.is_set_up else (unsent.thin_out,)),
    )
    for forget in (purge.purge, partial(sessions.purge, idle=idle), *others):
        with transaction() as session:
            forget(session, utc_now())


def send_deliveries(app: Flask) -> None:
    """Queue the sending of what is due: what was committed when nobody could be woken, retries, what a crash left."""
    for _ in range(min(store.due(db.session(), utc_now(), kinds()), queue.SENDERS)):
        queue.wake(app)


def check_contracts(app: Flask) -> None:
    """Say in the log whose tokens would change, or have changed; nothing changes by this."""
    session, frames = db.session(), app.extensions["idp"][Frames]
    differing = [one.client.client_id for one in pins.differing(session, frames)]
    if differing:
        _log.warning("contracts_differ", client_ids=differing[:20], clients=len(differing))


DUTIES = (
    Duty("send-deliveries", timedelta(seconds=5), timedelta(seconds=10), send_deliveries),
    Duty("seal-audit", timedelta(seconds=3), timedelta(seconds=10), seal_audit),
    Duty("check-audit", timedelta(hours=1), timedelta(minutes=30), check_audit),
    Duty("rotate-keys", timedelta(minutes=1), timedelta(minutes=5), rotate_keys),
    Duty("check-contracts", timedelta(hours=6), timedelta(minutes=10), check_contracts),
    Duty("purge-expired", timedelta(minutes=10), timedelta(minutes=10), purge_expired),
)


def perform(app: Flask, duty: Duty) -> bool:
    """Run *duty* if no other process is at it; tell whether it ran."""
    with app.app_context():
        try:
            with transaction() as session:
                taken = leases.take(session, duty.name, holder=_HOLDER, lifetime=duty.lease, now=utc_now())
            if taken:
                duty.run(app)
        except Exception:  # noqa: BLE001 - whatever it was, the next time will try again
            # A duty that fails must not end the others.
            _log.exception("duty_failed", duty=duty.name)
            return False
        finally:
            db.session.remove()
        return taken
