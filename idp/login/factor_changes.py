"""Changes to how a person proves a second time who they are, each with its entry in the audit log.

Whoever changes them ends what was built on them: half-finished sign-ins and remembered browsers at once, sessions and
grants by the caller (``idp.deliveries.sign_outs``, ``idp.tokens.revocation``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.audit import factor_events as events
from idp.audit.log import record
from idp.factors import recovery_codes, totp
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.audit.log import Actor
    from idp.vault import Secrets


def add_totp(session: Session, person: Person, seed: str, *, step: int, actor: Actor, now: datetime) -> None:
    """Give *person* an authenticator app that was confirmed with the code of *step*."""
    totp.add(session, service(Vault), person.id, seed, step=step, now=now)
    event = events.FactorAdded(target_id=person.id, target_name=person.username, factor="totp")
    record(session, event, now=now, actor=actor)


def make_recovery_codes(
    session: Session, person: Person, secrets: Secrets, *, actor: Actor, now: datetime
) -> list[str]:
    """Give *person* new recovery codes in place of those before; return them, which is the only time they are seen."""
    made = recovery_codes.replace(session, secrets, person.id, now)
    event = events.RecoveryCodesMade(target_id=person.id, target_name=person.username, codes=len(made))
    record(session, event, now=now, actor=actor)
    return made
