"""A request to sign out in front of the browser it is about: what it leads to, and doing that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from idp.audit import refusals
from idp.audit.events import PersonSignedOut
from idp.audit.log import record
from idp.db import transaction
from idp.deliveries import sign_outs
from idp.deliveries.sign_outs import Leaving
from idp.errors import InvalidToken
from idp.login.actor import acting
from idp.login.browser import current_session
from idp.oidc import clients, hints
from idp.oidc.subjects import subject_for
from idp.protocol import end_session
from idp.sessions import store as sessions
from idp.vault import Secrets
from idp.web.current import service
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.deliveries.sign_outs import Receipt
    from idp.protocol.end_session import Decision
    from idp.protocol.parameters import Parameters

KNOWN = frozenset({"client_id", "id_token_hint", "post_logout_redirect_uri", "state", "ui_locales"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to sign out, the client that it is about, and what it leads to."""

    parameters: Parameters
    client: Client | None
    decision: Decision

    @property
    def client_name(self) -> str | None:
        """The name of the client, where it is clear which one is meant."""
        is_meant = self.client is not None and self.client.client_id == self.decision.client_id
        return self.client.name if is_meant and self.client else None


def decide(given: Parameters, now: datetime) -> Asked:
    """Decide what a request leads to in this browser."""
    hint = None
    sent = given.get("id_token_hint")
    if sent is not None:
        try:
            hint = hints.read(sent, now=now)
        except InvalidToken:
            hint = None
    named = hint.client_id if hint else given.get("client_id")
    client = clients.find_enabled(named) if named else None
    person = current_session()
    sid = sessions.sid(service(Secrets), person.id, client.client_id) if person and client else None
    decision = end_session.decide(
        end_session.Situation(
            hint=hint,
            hint_sent=sent is not None,
            client_id=given.get("client_id"),
            post_logout_redirect_uri=given.get("post_logout_redirect_uri"),
            state=given.get("state"),
            registered=client.view.post_logout_redirect_uris if client else (),
            is_native=client.view.is_native if client else False,
            # As the client that is meant knows the person; no hint names another than its own.
            subject=(subject_for(client, person.person_id) if client else person.person_id) if person else None,
            sid=sid,
        )
    )
    return Asked(given, client, decision)


def end_here(asked: Asked, now: datetime) -> Receipt | None:
    """End the session of this browser; ``None`` when there was none."""
    person, decision = current_session(), asked.decision
    if person is None:
        return None
    event = PersonSignedOut(
        target_id=person.person_id,
        target_name=person.display_name,
        session_id=person.id,
        client_id=decision.client_id or "",
    )
    leaving = Leaving(
        client_id=decision.client_id if asked.client_name is not None else None,
        continue_to=decision.redirect_to or decision.link_to,
        continues_itself=decision.redirect_to is not None,
        fault=decision.reason.code if decision.reason else None,
        request_id=request_id(),
    )
    with transaction() as session:
        receipt = sign_outs.end_here(session, person.id, person.person_id, leaving, now)
        if receipt is not None:
            record(session, event, now=now, actor=acting(person.person_id, person.display_name))
    return receipt


def keep_reason(asked: Asked, now: datetime) -> None:
    """Keep what was wrong with the request, which goes on without what it asked for, under the request id."""
    if asked.decision.reason is None:
        return
    facts = {
        "client_id": asked.client.client_id if asked.client else "",
        "client_name": asked.client.name if asked.client else "",
        "post_logout_redirect_uri": asked.parameters.get("post_logout_redirect_uri"),
    }
    with transaction() as session:
        refusals.keep(
            session,
            request_id=request_id(),
            reason=asked.decision.reason.code,
            endpoint=request.endpoint or "",
            facts=facts,
            now=now,
        )
