"""A pasted token looked into with everything this server knows: its keys, its clients, what was revoked.

Nothing of the token is kept, logged or sent anywhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from idp import clock
from idp.clients import jwt_secrets, secrets
from idp.clients import store as clients
from idp.db import end_reading
from idp.keys import examination
from idp.keys.examination import Secret
from idp.protocol import access_token, jwt_inspection, jwt_kinds, jwt_parts
from idp.protocol.jwt_parts import Form
from idp.protocol.jwt_signatures import Outcome
from idp.tokens import revocation

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.protocol.jwt_claim_checks import Expected
    from idp.protocol.jwt_inspection import Report
    from idp.protocol.jwt_parts import Pasted
    from idp.protocol.jwt_signatures import SignatureFacts
    from idp.vault import Vault


def inspect(
    session: Session, text: str, expected: Expected, *, issuer: str, now: datetime, vault: Vault | None = None
) -> Report:
    """Return what is to be said of *text*, whatever it is; never raises for what it holds.

    With *vault*, which is for administrators, an HMAC is checked with the secrets of the app that it is for or by.
    """
    pasted = jwt_parts.take_apart(text)
    found = examination.known(session)
    secrets_of_app = _secrets(session, vault, pasted) if vault is not None else ()
    end_reading()
    facts = examination.examine(pasted, found, secrets_of_app)
    if _may_be_revoked(pasted, facts, now):
        facts = replace(facts, is_revoked=not _is_live(session, pasted))
        end_reading()
    seconds = clock.epoch_seconds(now)
    return jwt_inspection.inspect(pasted, facts, issuer=issuer, expected=expected, now=seconds)


def _secrets(session: Session, vault: Vault, pasted: Pasted) -> tuple[Secret, ...]:
    """Return what the one client that the token is for, or else by, shares with this server."""
    audiences = access_token.audiences_of(pasted.claims)
    if not str(pasted.header_members.get("alg")).startswith("HS"):
        return ()
    named = [audiences[0] if len(audiences) == 1 else None, pasted.claims.get("iss")]
    found = [client for name in named if isinstance(name, str) and (client := clients.read(session, name))]
    return tuple(
        Secret(client.client_id, value)
        for client in found[:1]
        for value in (*jwt_secrets.keys(vault, client), *(key for _, key in secrets.signing_keys(vault, client)))
    )


def _may_be_revoked(pasted: Pasted, facts: SignatureFacts, now: datetime) -> bool:
    """Tell whether it is an access token of ours; what has run out is not remembered."""
    is_access = pasted.form is Form.JWS and jwt_kinds.typ_of(pasted.header_members) == access_token.TYP
    ends = pasted.claims.get("exp")
    alive = isinstance(ends, int) and clock.epoch_seconds(now) < ends
    return is_access and alive and facts.outcome is Outcome.GOOD and isinstance(pasted.claims.get("jti"), str)


def _is_live(session: Session, pasted: Pasted) -> bool:
    client = clients.read(session, str(pasted.claims.get("client_id")))
    if client is None or client.disabled:
        return False
    return revocation.is_live(session, str(pasted.claims["jti"]))
